# Scores that several models gave, each to its own fold.

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
  found <- over_folds(truth, fold, score)
  c(auc = list(found$auc), clustered_interval(found$auc, found$spread, truth, patient, level)[c("lo", "hi", "note")])
}

# The mean area, and what each image adds to it: components around their own fold's area.
over_folds <- function(truth, fold, score) {
  case <- truth == 1
  component <- unsplit(Map(components, split(truth, fold), split(score, fold)), fold)
  area <- stats::ave(ifelse(case, component, NA), fold, FUN = function(values) mean(values, na.rm = TRUE))
  auc <- mean(area[case])
  # Around their own fold's area; a control weighs as much as its fold, whose weight the cases give.
  weight <- stats::ave(case, fold) / mean(case) / (stats::ave(!case, fold) / mean(!case))
  list(auc = auc, spread = auc + (component - area) * ifelse(case, 1, weight))
}

# The same images scored by models that were trained on other folds: area of `clean`, area of `other`, and how much larger
# the second is, patients as the unit. Here a patient may be in several folds: that is what is measured.
#
# truth, patient           as for `analyse`
# clean_fold, clean        fold and score of each image
# other_fold, other        of each image in the other folds
# level                    confidence level
fold_gain <- function(truth, patient, clean_fold, clean, other_fold, other, level) {
  stopifnot(
    all(truth %in% c(0, 1)), lengths(list(patient, clean_fold, clean, other_fold, other)) == length(truth),
    is.finite(c(clean, other)), tapply(truth, clean_fold, function(classes) length(unique(classes)) == 2),
    tapply(truth, other_fold, function(classes) length(unique(classes)) == 2)
  )
  folds <- list(over_folds(truth, clean_fold, clean), over_folds(truth, other_fold, other))
  areas <- lapply(folds, function(f) {
    c(list(est = f$auc), clustered_interval(f$auc, f$spread, truth, patient, level)[c("lo", "hi", "note")])
  })
  test <- clustered_test(folds[[2]]$spread - folds[[1]]$spread, truth, patient, level)
  gain <- c(list(est = folds[[2]]$auc - folds[[1]]$auc), test[c("lo", "hi", "p", "note")])
  list(clean = areas[[1]], other = areas[[2]], gain = gain)
}
