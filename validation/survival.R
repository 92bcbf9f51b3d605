# Survival of made-up patients by R's package survival, for tests/test_survival_r.py, which makes the patients anew.
# Run:  Rscript survival.R sets.json results.json   (R >= 4.2, survival >= 3.5, jsonlite)
library(survival)
library(jsonlite)

files <- commandArgs(trailingOnly = TRUE)
sets <- fromJSON(files[1], simplifyDataFrame = FALSE)
refused <- function(e) conditionMessage(e)

curve <- function(d, type) {
  fit <- survfit(Surv(t, e) ~ 1, d, conf.type = type)
  q <- quantile(fit, c(.25, .5, .75))
  list(surv = fit$surv, lower = as.numeric(fit$lower), upper = as.numeric(fit$upper), n_risk = fit$n.risk,
       quantile = as.numeric(q$quantile), q_lower = as.numeric(q$lower), q_upper = as.numeric(q$upper))
}

test <- function(formula, d, rho = 0) tryCatch({
  fit <- survdiff(formula, d, rho = rho)
  c(fit$chisq, fit$pvalue)
}, error = refused)

hazard <- function(formula, d, ties) tryCatch({
  warned <- character()
  fit <- withCallingHandlers(
    coxph(formula, d, ties = ties, control = coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 60)),
    warning = function(w) { warned <<- c(warned, conditionMessage(w)); invokeRestart("muffleWarning") })
  list(coef = as.numeric(coef(fit)), se = as.numeric(sqrt(diag(fit$var))), loglik = fit$loglik, score = fit$score,
       warnings = warned)
}, error = refused)

one <- function(s) {
  d <- data.frame(t = s$time, e = s$event, g = factor(s$group), s = s$strata, a = s$start)
  out <- lapply(c("log-log" = "log-log", log = "log", plain = "plain"), function(type) curve(d, type))
  out$rmst <- tryCatch(as.numeric(summary(survfit(Surv(t, e) ~ 1, d), rmean = s$tau)$table[5:6]), error = refused)
  out$rho0 <- test(Surv(t, e) ~ g, d)
  out$rho1 <- test(Surv(t, e) ~ g, d, 1)
  out$stratified <- test(Surv(t, e) ~ g + strata(s), d)
  for (ties in c("efron", "breslow")) {
    out[[paste("cox", ties)]] <- hazard(Surv(t, e) ~ g, d, ties)
    out[[paste("cox stratified", ties)]] <- hazard(Surv(t, e) ~ g + strata(s), d, ties)
    out[[paste("cox delayed", ties)]] <- hazard(Surv(a, t, e) ~ g + strata(s), d, ties)
  }
  out
}

writeLines(toJSON(suppressWarnings(lapply(sets, one)), digits = NA, na = "null", null = "null"), files[2])
