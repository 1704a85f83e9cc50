# Where a score becomes a call, and what the calls are worth.

# Youden (1950): largest sensitivity + specificity - 1; of several, the one of highest specificity, then the lowest.
# Compared as whole numbers of images, because equal sums of two fractions may differ in the last digit.
youden_cutoff <- function(curve, score) {
  cases <- length(curve$cases)
  controls <- length(curve$controls)
  true_positives <- round(curve$sensitivities * cases)
  true_negatives <- round(curve$specificities * controls)
  gain <- true_positives * controls + true_negatives * cases
  if (max(gain) <= cases * controls) return(undefined("no cut-off does better than chance"))
  best <- order(-gain, -true_negatives, curve$thresholds)[1]
  list(value = short_decimal(curve$thresholds[best], score), note = "")
}

CUTOFF_RULES <- list(youden = youden_cutoff)

# The largest threshold of the curve whose sensitivity is at least so much.
sensitivity_cutoff <- function(curve, score, sensitivity) {
  cases <- length(curve$cases)
  enough <- round(curve$sensitivities * cases) >= sensitivity * cases - 1e-9 # 0.95 * 20 is not quite 19
  highest <- max(curve$thresholds[enough])
  if (!is.finite(highest)) return(undefined("only a cut-off that calls every image positive is that sensitive"))
  list(value = short_decimal(highest, score), note = "")
}

# The threshold with the fewest decimals, from 6 on, that calls the same images positive: what is written is applied.
short_decimal <- function(threshold, score) {
  for (digits in 6:17) {
    cutoff <- round(threshold, digits)
    if (identical(score >= cutoff, score >= threshold)) return(cutoff)
  }
  threshold
}

# Positive is score >= cut-off. What is as published has exact intervals on images, what is sound has them by patients.
at_cutoff <- function(truth, cluster, score, cutoff, level, group) {
  if (is.na(cutoff$value)) return(measure("cutoff", NA, cutoff, group))
  called <- score >= cutoff$value
  share <- function(name, hit, of) {
    if (!any(of)) return(measure(name, NA, undefined("no image is called so at this cut-off"), group))
    interval <- if (group == AS_PUBLISHED) {
      exact_interval(sum(hit[of]), sum(of), level)
    } else {
      patient_interval(hit[of], cluster[of], level)
    }
    measure(name, mean(hit[of]), interval, group)
  }
  rbind(
    measure("cutoff", cutoff$value, group = group),
    share("sensitivity", called, truth == 1), share("specificity", !called, truth == 0),
    share("accuracy", called == (truth == 1), rep(TRUE, length(truth))),
    share("ppv", truth == 1, called), share("npv", truth == 0, !called),
    measure("tp", sum(called & truth == 1), group = group), measure("fp", sum(called & truth == 0), group = group),
    measure("tn", sum(!called & truth == 0), group = group), measure("fn", sum(!called & truth == 1), group = group),
    if (group != AS_PUBLISHED) wrong_patients(truth, cluster, called, level, group)
  )
}

# Errors as counts, which stay informative where every rate is 0 or 1: positive patients with an image called negative,
# and negative ones with an image called positive.
wrong_patients <- function(truth, cluster, called, level, group) {
  count <- function(name, of) {
    is_wrong <- rowsum(as.integer(called != (truth == 1))[of], cluster[of], reorder = FALSE)[, 1] > 0
    exact <- exact_interval(sum(is_wrong), length(is_wrong), level)
    measure(name, sum(is_wrong), bounds(exact$lo * length(is_wrong), exact$hi * length(is_wrong)), group)
  }
  rbind(count("missed_patients", truth == 1), count("alarmed_patients", truth == 0))
}

AS_PUBLISHED <- "as_published"
