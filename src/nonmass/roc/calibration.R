# Do scores mean what they say? Before and after one number, the temperature, is fitted on validation.

# Probabilities are the logistic function of the logit; after scaling, of logit / temperature (Guo et al. 2017).
#
# truth, cluster, part, scores, level  as for `analyse`; scores are logits
# bins                                 how many points a reliability curve has
# thresholds                           probabilities at which net benefit is wanted
calibrate <- function(truth, cluster, part, scores, level, bins, thresholds) {
  stopifnot(
    all(truth %in% c(0, 1)), length(cluster) == length(truth), length(part) == length(truth),
    lengths(scores) == length(truth), is.finite(unlist(scores)), bins >= 1, thresholds > 0, thresholds < 1
  )
  rows_of <- split(seq_along(truth), factor(part, unique(part)))
  fits <- lapply(scores, function(logit) {
    chosen_on <- rows_of[[VALIDATION]]
    if (is.null(chosen_on)) return(undefined("there is no validation part to fit a temperature on"))
    fit_temperature(truth[chosen_on], logit[chosen_on])
  })
  on_parts <- function(action) {
    stack_up(Map(function(logit, fit) lapply(rows_of, function(rows) {
      action(truth[rows], cluster[rows], logit[rows], fit)
    }), scores, fits))
  }
  list(
    measures = on_parts(function(...) calibration_measures(..., level)),
    reliability = on_parts(function(...) reliability_curves(..., bins, level)),
    decisions = rbind(
      on_parts(function(truth, cluster, logit, fit) {
        if (!is.na(fit$value)) decision_curve(truth, cluster, stats::plogis(logit / fit$value), thresholds, level)
      }),
      stack_up(list("treat all" = lapply(rows_of, function(rows) {
        decision_curve(truth[rows], cluster[rows], rep(1, length(rows)), thresholds, level)
      }), "treat none" = lapply(rows_of, function(rows) {
        data.frame(threshold = thresholds, net_benefit = 0, lo = 0, hi = 0)
      })))
    )
  )
}

# The temperature of largest likelihood: the root of the slope of the log-likelihood, which falls in 1 / temperature.
# `margin` is positive where zero puts an image on its side. With n images and w the largest margin on the wrong side,
# the slope at n / w is at most w / e - w / 2, so that the root lies below.
fit_temperature <- function(truth, logit) {
  margin <- (2 * truth - 1) * logit
  slope_at <- function(inverse) sum(margin * stats::plogis(-inverse * margin))
  if (slope_at(0) <= 0) return(undefined(NO_GAIN))
  if (min(margin) >= 0) return(undefined("zero parts the classes of validation, so the likelihood has no maximum"))
  coldest <- length(margin) / -min(margin)
  root <- stats::uniroot(slope_at, c(0, coldest), tol = .Machine$double.xmin, maxiter = 10000)$root
  list(value = 1 / root, note = "")
}

NO_GAIN <- "no temperature beats the probability 1/2: on validation the logits are shifted or run against the truth"

calibration_measures <- function(truth, cluster, logit, fit, level) {
  scaled <- if (is.na(fit$value)) {
    measure("brier", NA, fit, "calibration_scaled")
  } else {
    agreement(truth, cluster, logit / fit$value, level, "calibration_scaled")
  }
  rbind(
    measure("temperature", fit$value, point(fit$note), "calibration_scaled"), scaled,
    agreement(truth, cluster, logit, level, "calibration_raw")
  )
}

# Brier score (1950) and its parts that need no bins (CORP: Dimitriadis, Gneiting & Jordan 2021); intercept of a
# logistic regression with the logit as offset (calibration in the large: 0 is right), and slope of one on the logit (1
# is right).
agreement <- function(truth, cluster, logit, level, group) {
  p <- stats::plogis(logit)
  error <- (p - truth)^2
  recalibrated <- mean((isotonic(truth, logit) - truth)^2)
  prevalence <- mean(truth)
  row <- function(name, estimate, around = point()) measure(name, estimate, around, group)
  rbind(
    row("brier", mean(error), within_0_and_1(clustered_mean_interval(error, cluster, level))),
    row("brier_miscalibration", mean(error) - recalibrated),
    row("brier_discrimination", prevalence * (1 - prevalence) - recalibrated),
    intercept(truth, cluster, logit, level, group),
    slope(truth, cluster, logit, level, group)
  )
}

within_0_and_1 <- function(interval) {
  interval$lo <- max(0, interval$lo)
  interval$hi <- min(1, interval$hi)
  interval
}

# Root of the likelihood's slope in a, where the probabilities add up to the positives. Of as many images as there are
# positives, the highest, what they lack of 1 must be what the others have: so no digit is lost where all are sure.
intercept <- function(truth, cluster, logit, level, group) {
  falling <- sort(logit, decreasing = TRUE)
  is_high <- seq_along(falling) <= sum(truth)
  imbalance <- function(a) {
    log_sum(stats::plogis(falling[!is_high] + a, log.p = TRUE)) -
      log_sum(stats::plogis(-falling[is_high] - a, log.p = TRUE))
  }
  bracket <- max(abs(logit)) + 50
  root <- stats::uniroot(imbalance, c(-bracket, bracket), tol = 1e-12, maxiter = 10000)$root
  interval <- sandwich_interval(root, matrix(1, length(logit)), truth, stats::plogis(root + logit), cluster, level)
  measure("intercept", root, interval, group)
}

log_sum <- function(logs) max(logs) + log(sum(exp(logs - max(logs))))

slope <- function(truth, cluster, logit, level, group) {
  case <- truth == 1
  parted <- min(logit[case]) >= max(logit[!case]) || max(logit[case]) <= min(logit[!case])
  if (parted) return(measure("slope", NA, undefined(PARTED), group))
  design <- cbind(1, logit)
  fit <- stats::glm.fit(design, truth, family = stats::binomial(), control = list(epsilon = 1e-12))
  if (!fit$converged || fit$boundary) return(measure("slope", NA, undefined(NO_FIT), group))
  estimate <- unname(fit$coefficients[2])
  measure("slope", estimate, sandwich_interval(estimate, design, truth, fit$fitted.values, cluster, level), group)
}

# Of the last coefficient: cluster-robust, on t quantiles with (patients of the rarer class) - 1 degrees of freedom.
sandwich_interval <- function(estimate, design, truth, p, cluster, level) {
  patients <- rarer(truth, cluster)
  if (patients < 2) return(undefined(ONE_PATIENT))
  information <- crossprod(design * sqrt(p * (1 - p)))
  if (rcond(information) < .Machine$double.eps) return(undefined(NO_INFORMATION))
  bread <- solve(information)
  score <- rowsum(design * (truth - p), cluster, reorder = FALSE)
  meat <- nrow(score) / (nrow(score) - 1) * crossprod(score)
  variance <- (bread %*% meat %*% bread)[ncol(design), ncol(design)]
  if (!is.finite(variance)) return(undefined(NO_INFORMATION))
  half <- stats::qt((1 + level) / 2, patients - 1) * sqrt(variance)
  bounds(estimate - half, estimate + half)
}

PARTED <- "a cut-off parts the classes, so the likelihood has no maximum"
NO_FIT <- "the fit does not converge"
NO_INFORMATION <- "the probabilities are so near 0 or 1 that they hold no information on the uncertainty"

# Isotonic regression of the truth on the score, one value an image; equal scores get one value. Neighbours that fall are
# pooled, from the left (Ayer et al. 1955), in linear time: R's isoreg takes quadratic time where scores part the classes.
isotonic <- function(truth, score) {
  order <- order(score)
  last_of_tie <- which(c(diff(score[order]) > 0, TRUE))
  images <- diff(c(0, last_of_tie))
  positive <- diff(c(0, cumsum(truth[order])[last_of_tie]))
  last <- 0
  for (tie in seq_along(images)) {
    last <- last + 1
    images[last] <- images[tie]
    positive[last] <- positive[tie]
    while (last > 1 && positive[last - 1] * images[last] >= positive[last] * images[last - 1]) {
      images[last - 1] <- images[last - 1] + images[last]
      positive[last - 1] <- positive[last - 1] + positive[last]
      last <- last - 1
    }
  }
  pooled <- seq_len(last)
  fitted <- numeric(length(truth))
  fitted[order] <- rep(positive[pooled] / images[pooled], images[pooled])
  fitted
}

# Bins of as equal numbers of images as ties allow, from low to high probability: mean probability, and share of
# positive images with its interval by patients. (Isotonic regression chooses its steps by the truth, so that an
# interval of one would be too short.)
reliability_curves <- function(truth, cluster, logit, fit, bins, level) {
  raw <- cbind(scale = "raw", reliability(truth, cluster, stats::plogis(logit), bins, level))
  if (is.na(fit$value)) return(raw)
  rbind(raw, cbind(scale = "scaled", reliability(truth, cluster, stats::plogis(logit / fit$value), bins, level)))
}

reliability <- function(truth, cluster, p, bins, level) {
  bin <- ceiling(bins * rank(p, ties.method = "average") / length(p))
  do.call(rbind, lapply(seq_along(unique(bin)), function(number) {
    rows <- which(bin == sort(unique(bin))[number])
    interval <- patient_interval(truth[rows] == 1, cluster[rows], level)
    data.frame(
      bin = number, images = length(rows), patients = length(unique(cluster[rows])), probability = mean(p[rows]),
      observed = mean(truth[rows]), lo = interval$lo, hi = interval$hi
    )
  }))
}
