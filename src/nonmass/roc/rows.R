# The rows of the table of measures, and how a value says why it does not exist.

counts <- function(truth, patient, cluster) {
  rbind(
    measure("images", length(truth), group = "n"),
    measure("patients", length(unique(patient)), group = "n"),
    measure("positive_images", sum(truth == 1), group = "n"),
    measure("positive_patients", length(unique(patient[truth == 1])), group = "n"),
    measure("independent_patients", length(unique(cluster)), group = "n"),
    measure("single_class_patients", length(by_patient(truth, cluster, truth)$truth), group = "n")
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
    rows <- tables[[backbone]][[part]]
    if (!is.null(rows)) cbind(backbone = backbone, part = part, rows)
  }))
  do.call(rbind, as.list(unlist(labelled, recursive = FALSE)))
}
