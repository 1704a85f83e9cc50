# The area under the curve of some of the patients, or why there is none.

# truth, cluster, part, scores, level  as for `analyse`
# groups                               named list: characteristic -> level of every image, "" where unknown
# fewest                               patients of either class below which there is no number
subgroup_areas <- function(truth, cluster, part, scores, groups, level, fewest) {
  stopifnot(
    all(truth %in% c(0, 1)), length(cluster) == length(truth), length(part) == length(truth),
    lengths(scores) == length(truth), lengths(groups) == length(truth), is.finite(unlist(scores))
  )
  stack_up(lapply(scores, function(score) lapply(split(seq_along(truth), factor(part, unique(part))), function(rows) {
    do.call(rbind, lapply(names(groups), function(name) {
      levels <- groups[[name]][rows]
      of_levels <- split(rows, ifelse(levels == "", UNKNOWN, levels))
      known <- setdiff(sort(names(of_levels), method = "radix"), UNKNOWN)
      if (!length(known)) return(subgroup_row(name, "", 0, 0, 0, NA, undefined("not known of any image of this part")))
      do.call(rbind, lapply(c(known, intersect(UNKNOWN, names(of_levels))), function(value) {
        here <- of_levels[[value]]
        subgroup_area(name, value, truth[here], cluster[here], score[here], level, fewest)
      }))
    }))
  })))
}

UNKNOWN <- "unknown" # images without a level: counted, and no group of their own

subgroup_area <- function(name, value, truth, cluster, score, level, fewest) {
  positive <- length(unique(cluster[truth == 1]))
  negative <- length(unique(cluster[truth == 0]))
  row <- function(area, around) subgroup_row(name, value, length(truth), positive, negative, area, around)
  if (value == UNKNOWN) return(row(NA, undefined("not known")))
  if (min(positive, negative) < fewest) return(row(NA, undefined("too few")))
  component <- components(truth, score)
  auc <- mean(component[truth == 1])
  row(auc, clustered_interval(auc, component, truth, cluster, level))
}

subgroup_row <- function(name, value, images, positive, negative, auc, around) {
  data.frame(
    characteristic = name, level = value, images = images, positive_patients = positive, negative_patients = negative,
    auc = as.numeric(auc), lo = around$lo, hi = around$hi, note = around$note
  )
}
