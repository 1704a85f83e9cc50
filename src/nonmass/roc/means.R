# Means over images when those of one patient are correlated, and differences of two such means on the same images.
# ASCII only.

# Mean, interval and p-value of several samples.
#
# samples  named list of lists with
#            value    one number an image: a measure, or the difference of two on the same image
#            patient  code of the patient, one an image
#            least    smallest value that there can be, -Inf if there is none; the interval is cut there
#            most     largest one, or Inf
# level    confidence level, e.g. 0.95
clustered_means <- function(samples, level) {
  found <- lapply(unname(samples), function(sample) {
    clustered_mean(sample$value, sample$patient, sample$least, sample$most, level)
  })
  column <- function(name, kind) vapply(found, `[[`, kind, name)
  data.frame(
    estimate = column("estimate", 0), lo = column("lo", 0), hi = column("hi", 0), p = column("p", 0),
    images = column("images", 0L), patients = column("patients", 0L), note = column("note", "")
  )
}

# With one image a patient this is the one-sample t-test. The p-value is of a mean of zero, and makes sense for
# differences only.
clustered_mean <- function(value, patient, least, most, level) {
  stopifnot(length(value) > 0, length(patient) == length(value), is.finite(value), !anyNA(patient))
  patients <- length(unique(patient))
  about <- list(estimate = mean(value), images = length(value), patients = patients)
  interval <- clustered_mean_interval(value, patient, level)
  if (is.na(interval$lo)) return(c(about, interval[c("lo", "hi", "p", "note")]))
  variance <- clustered_mean_variance(value, patient)
  if (variance <= NO_VARIANCE) return(c(about, undefined(NO_SPREAD)[c("lo", "hi", "p", "note")]))
  c(about, list(
    lo = max(least, interval$lo), hi = min(most, interval$hi),
    p = 2 * stats::pt(-abs(mean(value)) / sqrt(variance), patients - 1), note = ""
  ))
}

# An interval of such a mean on t quantiles with (patients) - 1 degrees of freedom.
clustered_mean_interval <- function(value, patient, level) {
  patients <- length(unique(patient))
  if (patients < 2) return(undefined(FEW_PATIENTS))
  half <- stats::qt((1 + level) / 2, patients - 1) * sqrt(clustered_mean_variance(value, patient))
  bounds(mean(value) - half, mean(value) + half)
}

# The mean over images is a ratio: the sum of the patients' sums over the sum of their numbers of images. Its variance,
# linearised, is that of the patients' sums of residuals (Cochran 1977, Sampling techniques, sections 6.3 and 9A.2;
# without a correction for a finite population).
clustered_mean_variance <- function(value, patient) {
  total <- rowsum(value - mean(value), patient, reorder = FALSE)
  nrow(total) / (nrow(total) - 1) * sum(total^2) / length(value)^2
}

FEW_PATIENTS <- "there are fewer than two patients"
NO_SPREAD <- "the same for all patients, so it has no variance"
