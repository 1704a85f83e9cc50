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

# The mean over images is a ratio: the sum of the patients' sums over the sum of their numbers of images. Its variance,
# linearised, is that of the patients' sums of residuals (Cochran 1977, Sampling techniques, sections 6.3 and 9A.2;
# without a correction for a finite population). The quantile is t's on patients - 1 degrees of freedom. With one image
# a patient this is the one-sample t-test. The p-value is of a mean of zero, and makes sense for differences only.
clustered_mean <- function(value, patient, least, most, level) {
  stopifnot(length(value) > 0, length(patient) == length(value), is.finite(value), !anyNA(patient))
  sums <- rowsum(value - mean(value), patient, reorder = FALSE)
  n <- nrow(sums)
  about <- list(estimate = mean(value), images = length(value), patients = n)
  if (n < 2) return(c(about, without_interval(ONLY_ONE)))
  error <- sqrt(n / (n - 1) * sum(sums^2)) / length(value)
  if (error^2 <= NO_VARIANCE) return(c(about, without_interval(NO_SPREAD)))
  half <- stats::qt((1 + level) / 2, n - 1) * error
  c(about, list(
    lo = max(least, mean(value) - half), hi = min(most, mean(value) + half),
    p = 2 * stats::pt(-abs(mean(value)) / error, n - 1), note = ""
  ))
}

without_interval <- function(why) list(lo = NA_real_, hi = NA_real_, p = NA_real_, note = why)

ONLY_ONE <- "there are fewer than two patients"
NO_SPREAD <- "the same for all patients, so it has no variance"
