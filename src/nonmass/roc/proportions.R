# Intervals of proportions: of independent units, and of images that patients cluster.

# Exact (Clopper & Pearson 1934), every unit counted as independent.
exact_interval <- function(hits, total, level) {
  exact <- stats::binom.test(hits, total, conf.level = level)$conf.int
  bounds(exact[1], exact[2])
}

# Wilson (1927) on the effective number of images: n / design effect, which is the variance that allows for the
# correlation within patients over the binomial one, and never below 1. With no hit or nothing but hits it cannot be
# estimated; then exact on patients, as if each had one image.
#
# hit      TRUE or FALSE, one an image
# patient  its patient
patient_interval <- function(hit, patient, level) {
  n <- length(hit)
  patients <- length(unique(patient))
  if (all(hit) || !any(hit)) return(exact_interval(if (any(hit)) patients else 0, patients, level))
  if (patients < 2) return(undefined(FEW_PATIENTS))
  share <- mean(hit)
  effect <- max(1, clustered_mean_variance(hit, patient) / (share * (1 - share) / n))
  wilson_interval(share, n / effect, level)
}

# n need not be a whole number.
wilson_interval <- function(share, n, level) {
  z <- stats::qnorm((1 + level) / 2)
  middle <- (share + z^2 / (2 * n)) / (1 + z^2 / n)
  half <- z / (1 + z^2 / n) * sqrt(share * (1 - share) / n + z^2 / (4 * n^2))
  bounds(middle - half, middle + half)
}
