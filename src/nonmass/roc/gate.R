# Two revisions of the models on the same images: is the new one better, as good, or worse? ASCII only.
#
# Patients are the unit, and all rows of the table are judged together. Which verdict follows from an interval is said in
# gate/verdicts.py.

# Area, difference, interval and p-value of every row. Holm's (1979, Scand J Stat 6:65-70) step-down procedure gives each
# row its level: the smallest p-value is tested at alpha / m, the next at alpha / (m - 1), until one is not rejected;
# that one and all above it share its level. A row's interval has the same level, so that it leaves zero out exactly if
# Holm rejects "no difference", and the chance of any false difference in the table is at most alpha. Rows whose
# scores are in the same order on both sides cannot be false alarms and are not counted among the m.
#
# pairs  named list, one a row of the table: lists of truth, patient, base, head; one value an image
# level  confidence level of the whole table, e.g. 0.95
compare_revisions <- function(pairs, level) {
  alpha <- 1 - level
  tests <- lapply(unname(pairs), function(pair) paired_test(pair$truth, pair$patient, pair$base, pair$head))
  column <- function(name, kind = 0) vapply(tests, `[[`, kind, name)
  p <- column("p")
  counted <- !column("same", NA)
  tested_at <- rep(alpha, length(p))
  tested_at[counted] <- holm_levels(p[counted], alpha)
  df <- pmax(column("df"), 1)
  half <- stats::qt(1 - tested_at / 2, df) * column("error")
  half[!is.na(p) & column("note", "") == SAME_FOR_ALL & p >= tested_at] <- NA # too few patients even for a sign test
  data.frame(
    row = names(pairs), base = column("base"), head = column("head"), difference = column("difference"),
    lo = pmax(-1, column("difference") - half), hi = pmin(1, column("difference") + half), p = p,
    tested_at = tested_at,
    detectable = ifelse(column("error") > 0, half + stats::qt(0.8, df) * column("error"), NA_real_), # with a power of 80 %
    note = column("note", "")
  )
}

# Level at which Holm tests each of the p-values; NA stands for what cannot be tested, and is never rejected.
holm_levels <- function(p, alpha) {
  order <- order(p, na.last = TRUE)
  levels <- alpha / rev(seq_along(p))
  is_rejected <- !is.na(p[order]) & p[order] < levels
  first_kept <- match(FALSE, is_rejected, nomatch = length(p))
  levels[seq_along(p) > first_kept] <- levels[first_kept]
  levels[order(order)]
}

# Clustered paired test of one row, with t quantiles on (patients of the rarer class) - 1 degrees of freedom.
paired_test <- function(truth, patient, base, head) {
  stopifnot(
    setequal(unique(truth), c(0, 1)), !anyNA(patient), length(patient) == length(truth),
    length(base) == length(truth), length(head) == length(truth), is.finite(c(base, head))
  )
  of_base <- components(truth, base)
  of_head <- components(truth, head)
  difference <- of_head - of_base
  estimate <- mean(of_head[truth == 1]) - mean(of_base[truth == 1])
  df <- rarer(truth, patient) - 1
  found <- list(
    base = mean(of_base[truth == 1]), head = mean(of_head[truth == 1]), difference = estimate, df = df,
    error = NA_real_, p = NA_real_, same = FALSE, note = ""
  )
  if (max(abs(difference)) <= .Machine$double.eps) {
    return(utils::modifyList(found, list(difference = 0, error = 0, p = 1, same = TRUE, note = SAME_SCORES)))
  }
  if (df < 1) return(utils::modifyList(found, list(note = ONE_PATIENT)))
  variance <- clustered_variance(difference, truth, patient)
  if (variance <= NO_VARIANCE) {
    # Every image has lost the same, as where a perfect model is turned round. The chance that all patients agree in
    # their sign is known without a variance.
    return(utils::modifyList(found, list(error = 0, p = 2^-df, note = SAME_FOR_ALL)))
  }
  error <- sqrt(variance)
  utils::modifyList(found, list(error = error, p = 2 * stats::pt(-abs(estimate) / error, df)))
}

SAME_SCORES <- "both revisions put the images in the same order"
SAME_FOR_ALL <- "the difference is the same for every image; p is that of a sign test of patients"

# How far two trainings that differ in nothing but their seeds may lie apart: the 95 % range of the difference of two
# means over as many seeds as there are, from the standard deviation over seeds. It rests on few numbers, so the normal
# quantile is taken: t would reward few seeds with a wider margin.
#
# truth   as above
# scores  named list, one vector of scores a seed; two or more
seed_margin <- function(truth, scores) {
  stopifnot(length(scores) > 1)
  areas <- vapply(scores, function(score) mean(components(truth, score)[truth == 1]), 0)
  stats::qnorm(0.975) * sqrt(2 / length(areas)) * stats::sd(areas)
}

# Change in net benefit (Vickers & Elkin 2006, Med Decis Making 26:565-574) when each revision calls positive what lies at
# or above its own cut-off. A false positive costs odds / 1 of a true one, where odds = t / (1 - t) for the probability t at
# which a person would act; the cut-off need not be t, so scores need not be calibrated. The interval is that
# of a mean over images, clustered by patient, with t quantiles; it is of this row alone.
#
# truth, patient  as above
# base, head      called positive, TRUE or FALSE, one an image
# threshold       t, between 0 and 1
# level           confidence level
net_benefit_change <- function(truth, patient, base, head, threshold, level) {
  odds <- threshold / (1 - threshold)
  benefit <- function(called) called * ifelse(truth == 1, 1, -odds)
  change <- benefit(head) - benefit(base)
  interval <- clustered_mean_interval(change, patient, level)
  list(
    base = mean(benefit(base)), head = mean(benefit(head)), change = mean(change), lo = interval$lo, hi = interval$hi
  )
}
