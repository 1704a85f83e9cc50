# What this many patients could have shown.

POWER <- 0.8 # by convention

# The area that would be told from chance (two-sided) with this power (Obuchowski & McClish 1997, as in pROC), on the
# effective numbers of images: divided by how much the correlation within patients inflates the variance of the AUC.
# Where that is unknown, one image a patient.
detectable_auc <- function(component, truth, cluster, level) {
  effective <- effective_numbers(component, truth, cluster)
  none <- undefined("so few patients tell no AUC from chance")
  if (min(effective) < 2) return(none)
  tryCatch(
    list(value = pROC::power.roc.test(
      ncases = effective[1], ncontrols = effective[2], sig.level = 1 - level, power = POWER
    )$auc, note = ""),
    error = function(condition) none # pROC finds no root between 0.5 and 1
  )
}

effective_numbers <- function(component, truth, cluster) {
  images <- c(sum(truth == 1), sum(truth == 0))
  patients <- c(length(unique(cluster[truth == 1])), length(unique(cluster[truth == 0])))
  if (min(patients) < 2) return(patients)
  independent <- clustered_variance(component, truth, seq_along(truth))
  clustered <- clustered_variance(component, truth, cluster)
  if (min(independent, clustered) <= NO_VARIANCE) return(patients)
  images / max(1, clustered / independent)
}

# The difference that a two-sided test with this standard error would have found with this power.
detectable_difference <- function(variance, level) {
  (stats::qnorm((1 + level) / 2) + stats::qnorm(POWER)) * sqrt(variance)
}
