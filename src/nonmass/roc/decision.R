# Is it worth acting on a score? Net benefit (Vickers & Elkin 2006), in true positives an image, at the share of
# positives of this part: a false positive costs odds(threshold) of a true one. Acting on probability >= threshold.
#
# The interval allows for the correlation within patients: at a threshold, net benefit is a mean over images.
decision_curve <- function(truth, cluster, p, thresholds, level) {
  do.call(rbind, lapply(thresholds, function(threshold) {
    benefit <- (p >= threshold) * (truth - (1 - truth) * threshold / (1 - threshold))
    interval <- clustered_mean_interval(benefit, cluster, level)
    data.frame(threshold = threshold, net_benefit = mean(benefit), lo = interval$lo, hi = interval$hi)
  }))
}
