# One score a patient: another question than that of images, with independent units.

# Patients whose images carry one label, in order of their first image; the others have no truth.
#
# Returns truth, and score by the mean and by the largest of a patient's images.
by_patient <- function(truth, patient, score) {
  code <- match(patient, unique(patient))
  images <- tabulate(code)
  positive <- rowsum(truth, code)[, 1]
  single <- positive == 0 | positive == images
  falling <- order(code, -score)
  highest <- score[falling][!duplicated(code[falling])]
  list(
    truth = as.integer(positive > 0)[single], mean = (rowsum(score, code)[, 1] / images)[single], max = highest[single]
  )
}

# Areas with DeLong's interval, which is right here: patients are independent.
patient_areas <- function(truth, patient, score, level) {
  patients <- by_patient(truth, patient, score)
  area <- function(name, value) {
    if (length(unique(patients$truth)) < 2) return(measure(name, NA, undefined(NO_SUCH_PATIENT)))
    curve <- curve_of(patients$truth, value)
    measure(name, curve$auc, delong_interval(curve, level, ONE_PATIENT))
  }
  rbind(area("auc_patient", patients$mean), area("auc_patient_max", patients$max))
}

# Paired DeLong test on the patients' mean scores.
patient_test <- function(first, second, level) {
  ours <- by_patient(first$truth, first$cluster, first$score)
  theirs <- by_patient(second$truth, second$cluster, second$score)
  if (length(unique(ours$truth)) < 2) return(c(value = NA, undefined(NO_SUCH_PATIENT)[-1]))
  one <- list(truth = ours$truth, curve = curve_of(ours$truth, ours$mean))
  other <- list(truth = ours$truth, curve = curve_of(ours$truth, theirs$mean))
  difference <- components(ours$truth, ours$mean) - components(ours$truth, theirs$mean)
  c(value = mean(difference[ours$truth == 1]), delong_test(one, other, difference, level, ONE_PATIENT))
}

# Exact McNemar (1947) test at the frozen cut-offs: patients whom only one of two backbones calls rightly, by the mean
# score. A patient with images of both classes has no truth, and is left out.
mcnemar_rows <- function(first, second, cutoffs, row) {
  if (anyNA(c(cutoffs[[1]]$value, cutoffs[[2]]$value))) return(row("p_calls", NA, undefined(NO_FROZEN)))
  is_right <- function(result, cutoff) {
    patients <- by_patient(result$truth, result$cluster, result$score)
    (patients$mean >= cutoff$value) == (patients$truth == 1)
  }
  ours <- is_right(first, cutoffs[[1]])
  if (!length(ours)) return(row("p_calls", NA, undefined(NO_SUCH_PATIENT)))
  theirs <- is_right(second, cutoffs[[2]])
  only <- c(sum(ours & !theirs), sum(theirs & !ours))
  p <- if (sum(only)) stats::binom.test(only[1], sum(only))$p.value else NA
  rbind(
    row("only_first_right", only[1]), row("only_second_right", only[2]),
    row("p_calls", p, point(if (is.na(p)) "both backbones are right on the same patients" else ""))
  )
}

NO_FROZEN <- "a backbone has no frozen cut-off"
NO_SUCH_PATIENT <- "one class has no patient whose images carry one label"
