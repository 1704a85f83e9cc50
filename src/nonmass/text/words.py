"""What devices and sonographers write into a field of view, and how a misread word is still known.

The words are English, Portuguese, Spanish, German and Chinese. One counts as known if it is in a list once letters and
digits that text readers confuse are made equal (0 and O; 1, I and l; 5 and S; 8 and B; 2 and Z), if it is several of
them run together, or a long one that is cut off or has one wrong letter. Short words that are common names as well
("Li", "Lo") are left out on purpose. A damaged word, a word that is a name or a title as well ("Long", "Dr") and a
single Han character are known, but a line of nothing else may still be a name: see `vouches`.
"""

from functools import cache

MIN_LONG = 7  # letters of a word that may be damaged; among the names are many that differ little from shorter words
MIN_CUT = 6  # letters that must be left of it if it is cut off
MIN_CUT_SHARE = 0.75  # and what share of its letters
MIN_JOINED = 4  # letters that one of several joined words must have, of which others have 3, or are one of these
JOINED = frozenset({"RT", "LT", "AX", "CM", "FN"})

ANNOTATION = """
    R RT RIGHT L LT LEFT BILAT BILATERAL BREAST BREASTS QUADRANT QUAD UOQ UIQ LOQ LIQ UO UI UPPER LOWER OUTER INNER
    CENTRAL MIDLINE SUPERIOR INFERIOR SUP INF MEDIAL LATERAL MED LAT OCLOCK CLOCK AX AXILLA AXILLAE AXILLARY TAIL
    SUBAREOLAR RETROAREOLAR PERIAREOLAR AREOLA AREOLAR NIPPLE NIP RAD RADIAL ANTIRAD ANTIRADIAL ARAD ANTI AR TRANS
    TRANSVERSE TRV TRN LONG LONGITUDINAL SAG SAGITTAL OBL OBLIQUE CM MM CMFN FN FROM TO OF THE AND AT IN WITH
    NO ZONE MASS CYST LESION NODULE LYMPH NODE NODES LN BX BIOPSY CLIP NEEDLE MARKER POST PRE PALP PALPABLE LUMP
    AREA CONCERN PAIN SITE SCAR IMPLANT DIST DISTANCE DEPTH SKIN DUCT DUCTAL SCAN IMAGE VIEW WIDTH HEIGHT LENGTH VOL
    VOLUME RATIO LW BIRADS BI RADS CALC CALCS MUSCLE FAT RIB NML NORMAL SURVEY
    MAMA MAMAS DIREITA DIREITO ESQUERDA ESQUERDO DIR ESQ QUADRANTE QUADRANTES EXTERNO EXTERNA INTERNO INTERNA EXT
    INT QSE QSI QIE QII QSL QSM QIL QIM JQS JQE JQI JQII JQEXT JQINT JQSUP JQINF UQS UQE UQI UQSUP UQINF UQEXT UQINT
    QSUP QINF QEXT QINT QQSUP QQINF QQEXT QQINT UQQSUP UQQINF UQQEXT UQQINT UQQEE UQQSS UQQII PALPACAO PALPAVEL RRA
    PAX AXILAR AXILARES PROL PROLONG PROLONGAMENTO REG REGIAO UNIAO JUNCAO HORA HORAS HS HR HRS NODULO NODULOS CISTO
    CISTOS LINFONODO LINFONODOS LESAO TRANSVERSAL TRANSV MAMILO MAMILAR PAPILA PELE PROTESE IMPLANTE SULCO
    INFRAMAMARIO RETRO CORTE EIXO RAIO RAIOS DISTANCIA DUCTO DUCTOS CICATRIZ SUPERO INFERO DA DO DE DAS DOS NA AO
    IZQUIERDA IZQUIERDO IZQ DERECHA DERECHO DER CUADRANTE CUADRANTES CSE CSI CIE CII UCS UCE UCI QUISTE GANGLIO
    PEZON RADIO DEL EN LA EL
    LINKS RECHTS BRUST MAMMA MAMMAE ACHSEL ACHSELHOEHLE AXILLE UHR OBEN UNTEN AUSSEN INNEN ZYSTE HERD LYMPHKNOTEN LK
    LINKE RECHTE QUER LAENGS OAQ OIQ UAQ
"""
DEVICE = """
    GE HEALTHCARE MEDICAL SYSTEMS LOGIQ LOGI OGIQ VOLUSON VIVID VENUE VERSANA PHILIPS EPIQ AFFINITI SIEMENS
    HEALTHINEERS ACUSON SEQUOIA MINDRAY RESONA TOSHIBA APLIO XARIO CANON HITACHI ALOKA ARIETTA SAMSUNG MEDISON
    ESAOTE MYLAB SUPERSONIC AIXPLORER SONOSITE FUJIFILM HOLOGIC SONOSCAPE CHISON VINNO TERASON BUTTERFLY CLARIUS IU
    HD RS ULTRASOUND
    MI TI TIS TIB TIC GN GAIN GEN PEN RES HRES DB HZ KHZ MHZ FR FPS FRQ FREQ DR DYN MAP PWR AO PRF WF CHI THI SRI
    CRI CPI XRES SONOCT PERSIST PERS ZOOM CINE FREEZE TGC FOCUS FOC CF PW BMODE MODE HARM HARMONIC LINEAR PROBE
    PRESET STE SWE SMALLPARTS PARTS SMP MSK SEC MS KPA MW
"""
ALSO_NAMES = """
    LONG LINKE BRUST HERD QUER HORA CORTE PELE POST MASS MARKER PAIN REG LAT MED BI
    FROM TO OF THE AND AT IN WITH NO DA DO DE DAS DOS NA AO DEL EN LA EL DER HR HS
    GE PHILIPS SIEMENS CANON SEQUOIA GAIN MI TI CHI THI STE MS FR DR GEN PEN RES
"""
HAN = """
    左 右 左侧 右侧 双侧 双 乳 乳腺 乳房 乳头 乳晕 腋 腋窝 腋下 腋前 副乳 点
    点钟 钟 钟点 方向 位 位置 外 内 上 下 外上 外下 内上 内下 上方 下方 外侧
    内侧 象限 中央 中央区 区 旁 距 距离 处 约 深 深度 皮下 结节 肿块 肿物
    囊肿 淋巴结 淋巴 导管 病灶 回声 低回声 纵切 横切 纵 横 长轴 短轴 切面 侧
    放射 反放射 大小 长 宽 高 厘米 毫米
"""
HAN_BREAST = "乳腋"  # characters of which no name is made

_LETTERS = str.maketrans("01|!L5827", "OIIIISBZT")


def kind_of(word: str) -> str:
    """Which kind a word is of, "annotation" or "device"; "" if nobody knows it.

    Args:
        word: Capital Latin letters without accents, perhaps with digits that are misread letters; or Han characters.
    """
    if not word.isascii():
        return "annotation" if _is_known_han(word) else ""
    letters = word.translate(_LETTERS)
    return _vocabulary().get(letters) or _joined(letters) or _damaged(letters)


def vouches(word: str) -> bool:
    """Whether a known word also tells that its line is no name: it is whole, and is neither a name nor a title.

    Args:
        word: See `kind_of`.
    """
    if not word.isascii():
        return any(part in word for part in (*HAN_BREAST, *(known for known in HAN.split() if len(known) > 1)))
    letters = word.translate(_LETTERS)
    return letters not in _also_names() if letters in _vocabulary() else bool(_joined(letters))


@cache
def _also_names() -> frozenset[str]:
    return frozenset(word.translate(_LETTERS) for word in ALSO_NAMES.split())


@cache
def _vocabulary() -> dict[str, str]:
    """Words, with those letters made equal that readers confuse, and their kinds."""
    kinds = (("device", DEVICE), ("annotation", ANNOTATION))
    return {word.translate(_LETTERS): kind for kind, words in kinds for word in words.split()}


def _joined(letters: str) -> str:
    """The kind of the last of several known words that were written without a space; or "".

    One of them must be long enough and no name.
    """
    known, short, names = _vocabulary(), {word.translate(_LETTERS) for word in JOINED}, _also_names()
    reached = {0: ("", 0)}  # where a word ends: its kind, and the longest word so far
    for end in range(2, len(letters) + 1):
        found = [
            (known[letters[start:end]], max(longest, 0 if letters[start:end] in names else end - start))
            for start, (_, longest) in reached.items()
            if letters[start:end] in known and (end - start > 2 or letters[start:end] in short)
        ]
        if found:
            reached[end] = max(found, key=lambda kind_and_longest: kind_and_longest[1])
    kind, longest = reached.get(len(letters), ("", 0))
    return kind if longest >= MIN_JOINED else ""


def _is_known_han(text: str) -> bool:
    """Whether a text is made of known Han words alone."""
    words = frozenset(HAN.split())
    reached = {0}
    for end in range(1, len(text) + 1):
        if any(text[start:end] in words for start in reached):
            reached.add(end)
    return len(text) in reached


def _damaged(letters: str) -> str:
    """Say "annotation" if this is the start or the end of a long word, or a long word but for one letter; else ""."""
    long_words = (word for word, kind in _vocabulary().items() if kind == "annotation" and len(word) >= MIN_LONG)
    fits = any(_is_end_of(letters, word) or _differ_by_one(letters, word) for word in long_words)
    return "annotation" if fits else ""


def _is_end_of(letters: str, word: str) -> bool:
    """Whether a word begins or ends with so many of its letters that it may be known by them."""
    is_enough = len(letters) >= max(MIN_CUT, MIN_CUT_SHARE * len(word))
    return is_enough and (word.startswith(letters) or word.endswith(letters))


def _differ_by_one(one: str, other: str) -> bool:
    """Whether one letter is another, lacks, or is too many."""
    short, long = sorted((one, other), key=len)
    same = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) == len(long):
        return short[same + 1 :] == long[same + 1 :]
    return len(long) == len(short) + 1 and short[same:] == long[same + 1 :]
