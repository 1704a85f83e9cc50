# The statistics of the project, all of them: vectors in, tables of numbers out. ASCII only.
#
# Two analyses stand side by side. "As published" is what the study did: images as independent units, DeLong's
# variance, a cut-off chosen on the very images it is judged on. The sound one takes the patient as the unit and freezes
# the cut-off that validation chose. A value that does not exist is NA, and its `note` says why.

options(pROCProgress = list(name = "none"), warn = 1)

VALIDATION <- "val"
NO_VARIANCE <- .Machine$double.eps^2 # below it a variance is rounding error of zero

# ---- entry ----------------------------------------------------------------------------------------------------------

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
# truth    1 positive, 0 negative, one a row (an image); rows in a fixed order, which the caller has sorted
# patient  code of the patient, one a row
# part     "val", "test", ..., one a row
# scores   named list, one vector of scores a backbone; higher means more likely positive
# level    confidence level, e.g. 0.95
# rule     name of the rule for the cut-off
analyse <- function(truth, patient, part, scores, level, rule) {
  stopifnot(
    all(truth %in% c(0, 1)), !anyNA(patient), length(patient) == length(truth), length(part) == length(truth),
    lengths(scores) == length(truth), is.finite(unlist(scores)), rule %in% names(CUTOFF_RULES)
  )
  rows_of <- split(seq_along(truth), factor(part, unique(part)))
  one_class <- names(Filter(function(rows) length(unique(truth[rows])) < 2, rows_of))
  if (length(one_class)) stop("only one class in part ", paste(one_class, collapse = ", "))

  results <- lapply(scores, function(score) lapply(rows_of, function(rows) {
    analyse_part(truth[rows], patient[rows], score[rows], level, CUTOFF_RULES[[rule]])
  }))
  list(
    measures = rbind(
      stack_up(lapply(results, lapply, `[[`, "measures")),
      stack_up(lapply(results, frozen_points, level)),
      stack_up(all_pairs(results, level))
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
analyse_part <- function(truth, patient, score, level, cutoff_of) {
  curve <- curve_of(truth, score)
  component <- components(truth, score)
  auc <- as.numeric(curve$auc)
  stopifnot(all.equal(auc, mean(component[truth == 1]))) # pROC and the clustered part speak of the same area
  cutoff <- cutoff_of(curve, score)
  list(
    truth = truth, patient = patient, score = score, curve = curve, component = component, cutoff = cutoff,
    points = points_of(curve),
    measures = rbind(
      measure("auc", auc, clustered_interval(auc, component, truth, patient, level)),
      measure("auc_image", auc, delong_interval(curve, level)),
      counts(truth, patient),
      at_cutoff(truth, score, cutoff, level, "as_published")
    )
  )
}

# One backbone: the cut-off that validation chose, on each of the other parts.
frozen_points <- function(results, level) {
  missing <- undefined("there is no validation part to choose a cut-off on")
  cutoff <- if (VALIDATION %in% names(results)) results[[VALIDATION]]$cutoff else missing
  others <- results[names(results) != VALIDATION]
  lapply(others, function(result) at_cutoff(result$truth, result$score, cutoff, level, "frozen"))
}

# ---- area under the curve -------------------------------------------------------------------------------------------

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

delong_interval <- function(curve, level) {
  auc <- as.numeric(curve$auc)
  if (min(length(curve$cases), length(curve$controls)) < 2) return(undefined(ONE_IMAGE))
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

# ---- two backbones on the same images -------------------------------------------------------------------------------

all_pairs <- function(results, level) {
  pairs <- if (length(results) > 1) utils::combn(names(results), 2, simplify = FALSE) else list()
  names(pairs) <- vapply(pairs, paste, "", collapse = "-")
  lapply(pairs, function(pair) {
    Map(function(first, second) compare(first, second, level), results[[pair[1]]], results[[pair[2]]])
  })
}

compare <- function(first, second, level) {
  stopifnot(identical(first$truth, second$truth), identical(first$patient, second$patient)) # pROC compares truth only
  truth <- first$truth
  difference <- first$component - second$component
  estimate <- mean(difference[truth == 1])
  clustered <- clustered_test(difference, truth, first$patient, level)
  image <- delong_test(first, second, difference, level)
  rbind(
    measure("auc_difference", estimate, clustered, "comparison"),
    measure("p", clustered$p, point(clustered$note), "comparison"),
    measure("auc_difference_image", estimate, image, "comparison"),
    measure("p_image", image$p, point(image$note), "comparison")
  )
}

clustered_test <- function(difference, truth, patient, level) {
  if (rarer(truth, patient) < 2) return(undefined(ONE_PATIENT))
  variance <- clustered_variance(difference, truth, patient)
  if (variance <= NO_VARIANCE) return(undefined(SAME_ORDER))
  estimate <- mean(difference[truth == 1])
  half <- stats::qnorm((1 + level) / 2) * sqrt(variance)
  bounds(max(-1, estimate - half), min(1, estimate + half), p = 2 * stats::pnorm(-abs(estimate) / sqrt(variance)))
}

delong_test <- function(first, second, difference, level) {
  truth <- first$truth
  if (rarer(truth, seq_along(truth)) < 2) return(undefined(ONE_IMAGE))
  if (clustered_variance(difference, truth, seq_along(truth)) <= NO_VARIANCE) return(undefined(SAME_ORDER))
  test <- pROC::roc.test(first$curve, second$curve, paired = TRUE, method = "delong", conf.level = level)
  bounds(max(-1, test$conf.int[1]), min(1, test$conf.int[2]), p = test$p.value)
}

SAME_ORDER <- "the difference is the same for every image (equal rankings, or both perfect), so it has no variance"

# ---- one cut-off ----------------------------------------------------------------------------------------------------

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

# The threshold with the fewest decimals, from 6 on, that calls the same images positive: what is written is applied.
short_decimal <- function(threshold, score) {
  for (digits in 6:17) {
    cutoff <- round(threshold, digits)
    if (identical(score >= cutoff, score >= threshold)) return(cutoff)
  }
  threshold
}

# Positive is score >= cut-off. Exact intervals (Clopper & Pearson 1934), every image counted as independent.
at_cutoff <- function(truth, score, cutoff, level, group) {
  if (is.na(cutoff$value)) return(measure("cutoff", NA, cutoff, group))
  called <- score >= cutoff$value
  tp <- sum(called & truth == 1)
  fp <- sum(called & truth == 0)
  tn <- sum(!called & truth == 0)
  fn <- sum(!called & truth == 1)
  share <- function(name, hits, total) {
    if (total == 0) return(measure(name, NA, undefined("no image is called so at this cut-off"), group))
    exact <- stats::binom.test(hits, total, conf.level = level)$conf.int
    measure(name, hits / total, bounds(exact[1], exact[2]), group)
  }
  rbind(
    measure("cutoff", cutoff$value, group = group),
    share("sensitivity", tp, tp + fn), share("specificity", tn, tn + fp), share("accuracy", tp + tn, length(truth)),
    share("ppv", tp, tp + fp), share("npv", tn, tn + fn),
    measure("tp", tp, group = group), measure("fp", fp, group = group),
    measure("tn", tn, group = group), measure("fn", fn, group = group)
  )
}

# ---- two groups of patients -----------------------------------------------------------------------------------------

# Does a characteristic differ between two groups of different patients? They are two samples; a paired test would need
# pairs. Values are numbers or texts, one a patient, none of them unknown.
#
# samples  list of lists with `first` and `second`, the values of either group; one answer each, in order
compare_groups <- function(samples) {
  answers <- lapply(unname(samples), function(sample) {
    test <- if (is.numeric(c(sample$first, sample$second))) welch_test else category_test
    test(sample$first, sample$second)
  })
  column <- function(name, kind) vapply(answers, `[[`, kind, name)
  tests <- data.frame(test = column("test", ""), p = column("p", 0), note = column("note", ""))
  list(tests = tests, software = software())
}

# Unequal variances, two-sided (Welch 1947, Biometrika 34:28-35).
welch_test <- function(first, second) {
  if (min(length(first), length(second)) < 2) return(no_test("fewer than two known values in a group"))
  if (min(length(unique(first)), length(unique(second))) < 2) return(no_test("no variance in a group"))
  tested("Welch's t-test", stats::t.test(first, second)$p.value, "hardly any variance in the groups")
}

# Pearson (1900) without continuity correction where every expected count is five or more, else Fisher's exact test
# (1935; Mehta & Patel's network algorithm for more than two categories). Never simulated, so always the same answer.
category_test <- function(first, second) {
  if (min(length(first), length(second)) < 1) return(no_test("no known value in a group"))
  categories <- sort(unique(c(first, second)), method = "radix")
  if (length(categories) < 2) return(no_test("all known values are the same"))
  count <- function(values) tabulate(match(values, categories), length(categories))
  counts <- cbind(count(first), count(second))
  if (all(outer(rowSums(counts), colSums(counts)) >= 5 * sum(counts))) {
    return(tested("Pearson's chi-squared test", stats::chisq.test(counts, correct = FALSE)$p.value, "R gives none"))
  }
  # In units of 4 bytes: a hundred times R's own, which does not do for 500 patients in 12 categories.
  tested("Fisher's exact test", stats::fisher.test(counts, workspace = 2e7)$p.value, TOO_LARGE)
}

# An error of R while it evaluates `p`, which happens in here, becomes `why`.
tested <- function(test, p, why) {
  tryCatch(list(test = test, p = p, note = ""), error = function(condition) no_test(why))
}

no_test <- function(why) list(test = "", p = NA_real_, note = why)

TOO_LARGE <- "too many patients in too many categories for Fisher's exact test"

# ---- rows -----------------------------------------------------------------------------------------------------------

counts <- function(truth, patient) {
  rbind(
    measure("images", length(truth), group = "n"),
    measure("patients", length(unique(patient)), group = "n"),
    measure("positive_images", sum(truth == 1), group = "n"),
    measure("positive_patients", length(unique(patient[truth == 1])), group = "n")
  )
}

# What surrounds an estimate: an interval (of a test, with its p-value), nothing, or nothing for a reason.
bounds <- function(lo, hi, p = NA_real_) list(lo = lo, hi = hi, p = p, note = "")

point <- function(note = "") list(lo = NA_real_, hi = NA_real_, note = note)

undefined <- function(why) list(value = NA_real_, lo = NA_real_, hi = NA_real_, p = NA_real_, note = why)

measure <- function(name, estimate, around = point(), group = "") {
  data.frame(
    group = group, measure = name, estimate = as.numeric(estimate), lo = around$lo, hi = around$hi, note = around$note
  )
}

# tables[[backbone]][[part]], one below the other, with two columns that say which.
stack_up <- function(tables) {
  labelled <- lapply(names(tables), function(backbone) lapply(names(tables[[backbone]]), function(part) {
    cbind(backbone = backbone, part = part, tables[[backbone]][[part]])
  }))
  do.call(rbind, as.list(unlist(labelled, recursive = FALSE)))
}

# ---- cross-validated scores -----------------------------------------------------------------------------------------

# Area under the curve of scores that several models gave, each to its own fold. Models have scales of their own, so
# only images of one fold are compared. The area is the mean over folds, weighted by their positive images, and its
# variance that of a mean of independent areas (LeDell, Petersen & van der Laan 2015, Electron J Stat 9:1583-1607), with
# patients as the unit. No patient may be in two folds, and every fold needs both classes.
#
# truth, patient  as for `analyse`
# fold            number of the fold, one a row
# scores          named list, one vector of scores a model
# level           confidence level
cross_validated <- function(truth, patient, fold, scores, level) {
  stopifnot(
    all(truth %in% c(0, 1)), length(patient) == length(truth), length(fold) == length(truth),
    lengths(scores) == length(truth), is.finite(unlist(scores)),
    tapply(truth, fold, function(classes) length(unique(classes)) == 2),
    tapply(fold, patient, function(folds) length(unique(folds)) == 1)
  )
  areas <- lapply(unname(scores), function(score) fold_mean(truth, patient, fold, score, level))
  column <- function(name, kind) vapply(areas, `[[`, kind, name)
  data.frame(auc = column("auc", 0), lo = column("lo", 0), hi = column("hi", 0), note = column("note", ""))
}

fold_mean <- function(truth, patient, fold, score, level) {
  case <- truth == 1
  component <- unsplit(Map(components, split(truth, fold), split(score, fold)), fold)
  area <- stats::ave(ifelse(case, component, NA), fold, FUN = function(values) mean(values, na.rm = TRUE))
  auc <- mean(area[case])
  # Around their own fold's area; a control weighs as much as its fold, whose weight the cases give.
  weight <- stats::ave(case, fold) / mean(case) / (stats::ave(!case, fold) / mean(!case))
  spread <- auc + (component - area) * ifelse(case, 1, weight)
  c(auc = list(auc), clustered_interval(auc, spread, truth, patient, level)[c("lo", "hi", "note")])
}
