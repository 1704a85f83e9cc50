# The statistics of the project are the R files beside this one: vectors in, tables of numbers out. ASCII only. Here are
# the way in and the area under the curve.
#
# Two analyses stand side by side. "As published" is what the study did: images as independent units, DeLong's
# variance, a cut-off chosen on the very images it is judged on. The sound one takes the patient as the unit and freezes
# the cut-offs that validation chose. A value that does not exist is NA, and its `note` says why.

options(pROCProgress = list(name = "none"), warn = 1)

VALIDATION <- "val"
NO_VARIANCE <- .Machine$double.eps^2 # below it a variance is rounding error of zero

# ---- entry -----------------------------------------------------------------------------------------------------------

# Run a function; its value, warnings and error come back as data, so that no R condition crosses into Python.
guarded <- function(action, ...) {
  warnings <- character()
  error <- character()
  value <- tryCatch(
    withCallingHandlers(action(...), warning = function(condition) {
      warnings <<- c(warnings, conditionMessage(condition))
      invokeRestart("muffleWarning")
    }),
    error = function(condition) {
      error <<- conditionMessage(condition)
      NULL
    }
  )
  list(value = value, warnings = warnings, error = error)
}

# Every measure and every curve of several classifiers ("backbones") on the same images.
#
# truth        1 positive, 0 negative, one a row (an image); rows in a fixed order, which the caller has sorted
# patient      code of the patient, one a row
# cluster      code of the unit of inference, one a row: patients whom a shared picture links are one
# part         "val", "test", ..., one a row
# scores       named list, one vector of scores a backbone; higher means more likely positive
# level        confidence level, e.g. 0.95
# rule         name of the rule for the cut-off
# sensitivity  what the second frozen cut-off has to reach on validation, e.g. 0.95
analyse <- function(truth, patient, cluster, part, scores, level, rule, sensitivity) {
  stopifnot(
    all(truth %in% c(0, 1)), !anyNA(patient), length(patient) == length(truth), length(part) == length(truth),
    !anyNA(cluster), length(cluster) == length(truth),
    lengths(scores) == length(truth), is.finite(unlist(scores)), rule %in% names(CUTOFF_RULES)
  )
  rows_of <- split(seq_along(truth), factor(part, unique(part)))
  one_class <- names(Filter(function(rows) length(unique(truth[rows])) < 2, rows_of))
  if (length(one_class)) stop("only one class in part ", paste(one_class, collapse = ", "))

  results <- lapply(scores, function(score) lapply(rows_of, function(rows) {
    analyse_part(truth[rows], patient[rows], cluster[rows], score[rows], level, CUTOFF_RULES[[rule]])
  }))
  cutoffs <- lapply(results, frozen_cutoffs, sensitivity)
  list(
    measures = rbind(
      stack_up(lapply(results, lapply, `[[`, "measures")),
      stack_up(Map(frozen_points, results, cutoffs, level)),
      all_pairs(results, cutoffs, level)
    ),
    curves = stack_up(lapply(results, lapply, `[[`, "points")),
    software = software()
  )
}

# How far trainings that differ in nothing but their seed lie apart: the areas of their scores, part by part. This is no
# confidence interval: it says nothing about other patients.
#
# truth, part  as for `analyse`
# scores       named list, one vector of scores a seed; two or more
seed_spread <- function(truth, part, scores) {
  stopifnot(
    all(truth %in% c(0, 1)), length(part) == length(truth), length(scores) > 1,
    lengths(scores) == length(truth), is.finite(unlist(scores))
  )
  rows_of <- split(seq_along(truth), factor(part, unique(part)))
  do.call(rbind, lapply(names(rows_of), function(name) {
    rows <- rows_of[[name]]
    areas <- vapply(scores, function(score) as.numeric(curve_of(truth[rows], score[rows])$auc), 0)
    found <- c(mean = mean(areas), sd = stats::sd(areas), min = min(areas), max = max(areas), n = length(areas))
    data.frame(part = name, measure = names(found), estimate = unname(found))
  }))
}

# What computed the numbers. R's platform is a kind of machine (x86_64-pc-linux-gnu), not this one.
software <- function() {
  list(
    R = as.character(getRversion()), pROC = as.character(utils::packageVersion("pROC")),
    platform = R.version$platform
  )
}

# One backbone on one part. The data travel with the result, for what needs two parts or two backbones.
analyse_part <- function(truth, patient, cluster, score, level, cutoff_of) {
  curve <- curve_of(truth, score)
  component <- components(truth, score)
  auc <- as.numeric(curve$auc)
  stopifnot(all.equal(auc, mean(component[truth == 1]))) # pROC and the clustered part speak of the same area
  cutoff <- cutoff_of(curve, score)
  detectable <- detectable_auc(component, truth, cluster, level)
  list(
    truth = truth, cluster = cluster, score = score, curve = curve, component = component, cutoff = cutoff,
    points = points_of(curve),
    measures = rbind(
      measure("auc", auc, clustered_interval(auc, component, truth, cluster, level)),
      measure("auc_image", auc, delong_interval(curve, level)),
      patient_areas(truth, cluster, score, level),
      measure("detectable_auc", detectable$value, point(detectable$note), "power"),
      counts(truth, patient, cluster),
      at_cutoff(truth, cluster, score, cutoff, level, AS_PUBLISHED)
    )
  )
}

# One backbone: the cut-offs that validation chose, by name of their group.
frozen_cutoffs <- function(results, sensitivity) {
  if (!(VALIDATION %in% names(results))) {
    missing <- undefined("there is no validation part to choose a cut-off on")
    return(list(frozen = missing, frozen_sensitivity = missing))
  }
  chosen_on <- results[[VALIDATION]]
  list(
    frozen = chosen_on$cutoff,
    frozen_sensitivity = sensitivity_cutoff(chosen_on$curve, chosen_on$score, sensitivity)
  )
}

# One backbone: its frozen cut-offs on each of the other parts.
frozen_points <- function(results, cutoffs, level) {
  others <- results[names(results) != VALIDATION]
  lapply(others, function(result) do.call(rbind, lapply(names(cutoffs), function(group) {
    at_cutoff(result$truth, result$cluster, result$score, cutoffs[[group]], level, group)
  })))
}

# ---- area under the curve --------------------------------------------------------------------------------------------

# Classes and direction are fixed: pROC would otherwise guess, and turn a reversed score round.
curve_of <- function(truth, score) {
  pROC::roc(truth, score, levels = c(0, 1), direction = "<", quiet = TRUE)
}

# The empirical curve from (0, 0) to (1, 1). Thresholds are pROC's: half-way between neighbouring scores.
points_of <- function(curve) {
  order <- rev(seq_along(curve$thresholds))
  data.frame(
    point = seq_along(order) - 1L, threshold = curve$thresholds[order],
    false_positive_rate = 1 - curve$specificities[order], sensitivity = curve$sensitivities[order]
  )
}

# Structural components (DeLong et al. 1988), one an image, from midranks (Sun & Xu 2014): for a positive image the
# share of negative images that it outranks, for a negative one the share of positive images that outrank it, ties
# counting half. Their mean over either class is the AUC.
components <- function(truth, score) {
  case <- truth == 1
  among_all <- rank(score)
  component <- numeric(length(score))
  component[case] <- (among_all[case] - rank(score[case])) / sum(!case)
  component[!case] <- 1 - (among_all[!case] - rank(score[!case])) / sum(case)
  component
}

# Variance of an AUC when images of one patient are correlated (Obuchowski 1997, Biometrics 53:567-578). An AUC is
# linear in its components, so the variance of a difference of two is the same call on the difference of their
# components. A patient may have images of both classes. With one image a patient it equals DeLong's. (pROC's
# method = "obuchowski" is another thing: binormal, without clusters.)
clustered_variance <- function(component, truth, patient) {
  case <- truth == 1
  residual <- component - mean(component[case])
  of_cases <- rowsum(residual[case], patient[case], reorder = FALSE) / sum(case)
  of_controls <- rowsum(residual[!case], patient[!case], reorder = FALSE) / sum(!case)
  both <- intersect(rownames(of_cases), rownames(of_controls))
  unbiased <- function(n) n / (n - 1)
  unbiased(nrow(of_cases)) * sum(of_cases^2) + unbiased(nrow(of_controls)) * sum(of_controls^2) +
    2 * unbiased(length(unique(patient))) * sum(of_cases[both, ] * of_controls[both, ])
}

# On the logit scale, with t quantiles on (patients of the rarer class) - 1 degrees of freedom: it stays inside 0 to 1,
# and it covers where few patients make the normal interval too short.
clustered_interval <- function(auc, component, truth, patient, level) {
  patients <- rarer(truth, patient)
  if (patients < 2) return(undefined(ONE_PATIENT))
  if (auc <= 0 || auc >= 1) return(undefined(AT_THE_END))
  variance <- clustered_variance(component, truth, patient)
  if (variance <= NO_VARIANCE) return(undefined(ZERO_VARIANCE))
  half <- stats::qt((1 + level) / 2, patients - 1) * sqrt(variance) / (auc * (1 - auc))
  bounds(stats::plogis(stats::qlogis(auc) - half), stats::plogis(stats::qlogis(auc) + half))
}

delong_interval <- function(curve, level, too_few = ONE_IMAGE) {
  auc <- as.numeric(curve$auc)
  if (min(length(curve$cases), length(curve$controls)) < 2) return(undefined(too_few))
  if (auc <= 0 || auc >= 1) return(undefined(AT_THE_END))
  if (pROC::var(curve, method = "delong") <= NO_VARIANCE) return(undefined(ZERO_VARIANCE))
  interval <- pROC::ci.auc(curve, conf.level = level, method = "delong")
  bounds(interval[1], interval[3])
}

# How many units (patients) the class with fewer of them has.
rarer <- function(truth, unit) min(length(unique(unit[truth == 1])), length(unique(unit[truth == 0])))

ONE_PATIENT <- "a class has fewer than two patients"
ONE_IMAGE <- "a class has fewer than two images"
AT_THE_END <- "the AUC is exactly 0 or 1, where its variance cannot be estimated"
ZERO_VARIANCE <- "the estimated variance is not above zero"
