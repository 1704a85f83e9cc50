# Two groups of patients: the tests of Table 1.

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
