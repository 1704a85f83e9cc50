"""Which lines may tell of a patient. The lines are invented, or are what every device shows."""

import pytest

from nonmass.text.classes import classify
from nonmass.text.words import kind_of, vouches


def listed(text):
    return [line.strip() for line in text.replace("\n", " ").split(";")]


AGES = listed("""
    45 ANOS; 45Y; 034Y; 45 AÑOS; 45 ANO5; 4S ANOS; 45ANOS; 45岁; AGE 45; F/45; 45 F; 45a; 62 Y/O
""")
DATES = listed("""
    DOB 04.03.1960; 2021-03-04; 04/03/2021; 3/4/21; 04 MAR 2021; MAR-04-2021; 2O21-O3-O4; 04-03; 1985;
    2021年3月4日; 20210304; l2/O5/1985
""")
TIMES = listed("""
    12:34:56; 10:23; 10:23 AM; 14h35; 10:00; 1O:3O
""")
NUMBERS = listed("""
    A12; B-1203; B1203; S12; K7-12; 12B; 1203-B; LT1203; A.12;
    123456; 12-34567; 123.456.789-00; ID X123456; X1234; 34567; 555 1234; I23456
""")
NAMES = listed("""
    DOE^JANE; Smith, J; JANE DOE; LI NA; 张三; 王丽华; Иванова; SMITH LEFT BREAST; Dr. Lee; MARIA; J4NE;
    R0SA; LONG, JANE; DA SILVA; Mario; Parker; Norman; Schmitt; Phillips; Postel; Rosas; Clark; Müller;
    Østergård; Cannon; Madison; Medina;
    Erna Plant; ERNA LARES; Dr. Long; DR LONG; Dr.Long; DRA CORTE; PROF. HERD; FR LINKE; Ms Post; HR LONG; Line Herd;
    ARES; ABLE; ERNO; CORTE; LONG; Herd; Linke; PLANT; J LONG; De La Corte; DO THI NA; GE NA; MI NA; LONG 1.2 cm;
    ESQUERD; IREITA; LONGPOST; 高; 左; 钟; 方; 外; 高 上
""")
SONOGRAPHERS = listed("""
    RT BREAST; R 10H 4 CM FN; AXILLA; RAD; ANTIRAD; anti-rad; 10 o'clock; 1O O'CLOCK; RT BREAST 10:00
    4CMFN; 2:30 LT BREAST; L3H6CMFN; R11H; UOQ; BI-RADS 4; RTBREAST; R1GHT BREA5T; MAMA DIREITA;
    MAMADIREITA; QSE MAMA ESQUERDA; PROL. AXILAR; REG. AXILAR DIR. I; LESÃO; UQSUP|; MAMA ESQUERD; MAMA IREITA;
    LONG LT BREAST; HERD RECHTS; CORTE TRANSVERSAL; 3 HR LEFT BREAST; 9 HS; 3:00; R1; L 3:30 UOQ; R10 4CMFN; 左 乳; 3点;
    12H MAMA ESQ; Mama izquierda; cuadrante superior; Brust links; rechts oben aussen; 左乳; 右乳外上象限; 左侧乳腺
    3点钟; R; D1; 1.23 cm; D1 12.3 mm; + 12.3mm; 31.4MM; 1,23 cm; 12.3x4.5x6.7cm
""")
DEVICES = listed("""
    LOGIQ E9; OGIQ; PHILIPS; mindray; SIEMENS; L12-5; ML6-15; 9L; EPIQ 7; MI 0.8; FR 36Hz; Gn 40; TIs
    0.2; TIS0.2; DR 65 dB; GE; GE 72; 12 MHz; LOGIQ E10; GE LOGIQ; DR65; RS85; GN100; FR100
""")
RULERS = listed("""
    10; 5; 1.5; 10 cm; 5cm; 4cm; 20 mm; cm; 3-; 1 2 3 4; 9999; B1
""")


@pytest.mark.parametrize("line", [*AGES, *DATES, *TIMES, *NUMBERS, *NAMES])
def test_what_may_tell_of_a_patient_is_suspect(line):
    assert classify(line) == "phi-suspect"


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        *(("annotation", line) for line in SONOGRAPHERS),
        *(("device", line) for line in DEVICES),
        *(("ruler", line) for line in RULERS),
        *(("", line) for line in ("+", "十", "--", "...", " ", "")),
    ],
)
def test_what_sonographers_and_devices_write_is_known(kind, line):
    assert classify(line) == kind


@pytest.mark.parametrize("harmless", ["LEFT BREAST", "1.23 cm", "LOGIQ E9", "10"])
@pytest.mark.parametrize("telling", ["45Y", "DOE", "04.03.1960", "12:34:56", "1234567"])
def test_one_suspect_part_makes_the_line_suspect(harmless, telling):
    assert classify(f"{harmless} {telling}") == classify(f"{telling} {harmless}") == "phi-suspect"


def test_a_long_word_is_known_by_three_quarters_of_it_and_a_short_one_only_as_a_whole():
    assert [kind_of(word) for word in ("SQUERDA", "QUERDA", "ESQUER", "AXILLA")] == ["annotation"] * 4
    assert [kind_of(word) for word in ("UERDA", "ERDA", "LEF", "MARIO", "AXIL", "LONGIT", "PLANT")] == [""] * 7


def test_only_a_whole_word_that_is_no_name_vouches_for_a_line():
    assert [vouches(word) for word in ("LEFT", "R1GHT", "RTBREAST", "左乳", "外上")] == [True] * 5
    assert [vouches(word) for word in ("IREITA", "LONG", "L0NG", "DR", "LONGPOST", "左", "高上")] == [False] * 7
