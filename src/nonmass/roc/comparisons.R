# Two backbones on the same images.

all_pairs <- function(results, cutoffs, level) {
  pairs <- if (length(results) > 1) utils::combn(names(results), 2, simplify = FALSE) else list()
  names(pairs) <- vapply(pairs, paste, "", collapse = "-")
  compared <- lapply(pairs, function(pair) {
    frozen <- unname(lapply(cutoffs[pair], `[[`, "frozen"))
    Map(function(first, second) compare(first, second, frozen, level), results[[pair[1]]], results[[pair[2]]])
  })
  if (length(compared)) with_holm(stack_up(compared))
}

compare <- function(first, second, frozen, level) {
  stopifnot(identical(first$truth, second$truth), identical(first$cluster, second$cluster)) # pROC compares truth only
  truth <- first$truth
  difference <- first$component - second$component
  estimate <- mean(difference[truth == 1])
  clustered <- clustered_test(difference, truth, first$cluster, level)
  image <- delong_test(first, second, difference, level)
  patient <- patient_test(first, second, level)
  row <- function(name, estimate, around = point()) measure(name, estimate, around, "comparison")
  rbind(
    row("auc_difference", estimate, clustered),
    row("p", clustered$p, point(clustered$note)),
    row("detectable_difference", clustered$detectable, point(clustered$note)),
    row("auc_difference_image", estimate, image),
    row("p_image", image$p, point(image$note)),
    row("auc_difference_patient", patient$value, patient),
    row("p_patient", patient$p, point(patient$note)),
    mcnemar_rows(first, second, frozen, row)
  )
}

# Holm (1979) over the planned comparisons of a task: every pair of backbones on every part but validation, by the
# clustered p. One that has no p counts all the same.
with_holm <- function(rows) {
  tests <- rows[rows$measure == "p" & rows$part != VALIDATION, ]
  tests$measure <- rep("p_holm", nrow(tests))
  tests$estimate <- stats::p.adjust(tests$estimate, "holm", n = nrow(tests))
  rbind(rows, tests)
}

clustered_test <- function(difference, truth, cluster, level) {
  if (rarer(truth, cluster) < 2) return(c(undefined(ONE_PATIENT), detectable = NA))
  variance <- clustered_variance(difference, truth, cluster)
  if (variance <= NO_VARIANCE) return(c(undefined(SAME_ORDER), detectable = NA))
  estimate <- mean(difference[truth == 1])
  half <- stats::qnorm((1 + level) / 2) * sqrt(variance)
  c(
    bounds(max(-1, estimate - half), min(1, estimate + half), p = 2 * stats::pnorm(-abs(estimate) / sqrt(variance))),
    detectable = detectable_difference(variance, level)
  )
}

delong_test <- function(first, second, difference, level, too_few = ONE_IMAGE) {
  truth <- first$truth
  if (rarer(truth, seq_along(truth)) < 2) return(undefined(too_few))
  if (clustered_variance(difference, truth, seq_along(truth)) <= NO_VARIANCE) return(undefined(SAME_ORDER))
  test <- pROC::roc.test(first$curve, second$curve, paired = TRUE, method = "delong", conf.level = level)
  bounds(max(-1, test$conf.int[1]), min(1, test$conf.int[2]), p = test$p.value)
}

SAME_ORDER <- "the difference is the same for every unit (equal rankings, or both perfect), so it has no variance"
