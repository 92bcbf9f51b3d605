# Computes pinned.json again, from the inputs in it. Run here:  Rscript metafor.R > again.json
# Needs R >= 4.2 with metafor, lme4 and jsonlite. Compare with the tolerances of README.md, not byte by byte.
library(metafor)
library(jsonlite)

pinned <- fromJSON("pinned.json", simplifyVector = TRUE)
level <- 0.95

back <- function(measure, value, ni) switch(measure,
  PR = value, PLN = exp(value), PLO = plogis(value), PAS = transf.iarcsin(value),
  PFT = transf.ipft.hm(value, targs = list(ni = ni)))

one_fit <- function(measure, es, ni, method) {
  fit <- rma(es$yi, es$vi, method = method, test = "z")
  bounds <- predict(fit)
  interval <- if (method == "EE") c(NA, NA) else c(bounds$pi.lb, bounds$pi.ub)
  ends <- list(estimate = c(fit$beta), ci_lb = fit$ci.lb, ci_ub = fit$ci.ub, pi_lb = interval[1], pi_ub = interval[2])
  c(ends, list(se = fit$se, stat = fit$zval, pval = fit$pval, tau2 = fit$tau2, Q = fit$QE, Q_df = fit$k - 1,
               Q_p = fit$QEp, I2 = fit$I2, H2 = fit$H2, weights_pct = unname(weights(fit)),
               back = lapply(ends, function(value) back(measure, value, ni))))
}

one_measure <- function(measure, xi, ni) {
  es <- escalc(measure = measure, xi = xi, ni = ni)
  list(yi = c(es$yi), vi = c(es$vi),
       fits = list(EE_z = one_fit(measure, es, ni, "EE"), DL_z = one_fit(measure, es, ni, "DL")))
}

one_glmm <- function(xi, ni, test) tryCatch({
  fit <- rma.glmm(measure = "PLO", xi = xi, ni = ni, method = "ML", test = test)
  bounds <- predict(fit)
  list(estimate = c(fit$beta), se = fit$se, ci_lb = fit$ci.lb, ci_ub = fit$ci.ub, tau2 = fit$tau2, I2 = fit$I2,
       QE_Wld = fit$QE.Wld, QEp_Wld = fit$QEp.Wld, QE_LRT = fit$QE.LRT, QEp_LRT = fit$QEp.LRT,
       loglik = c(logLik(fit)), pi_lb = bounds$pi.lb, pi_ub = bounds$pi.ub)
}, error = function(e) list(error = conditionMessage(e)))

one_set <- function(set) {
  xi <- set$input$events
  ni <- set$input$total
  exact <- mapply(function(x, n) binom.test(x, n)$conf.int, xi, ni)
  wilson <- mapply(function(x, n) prop.test(x, n, correct = FALSE)$conf.int, xi, ni)
  measures <- c("PR", "PLN", "PLO", "PAS", "PFT")
  list(input = set$input,
       study_ci = list(clopper_pearson_lb = exact[1, ], clopper_pearson_ub = exact[2, ],
                       wilson_lb = wilson[1, ], wilson_ub = wilson[2, ]),
       measures = setNames(lapply(measures, one_measure, xi = xi, ni = ni), measures),
       glmm_logit = one_glmm(xi, ni, "z"), glmm_logit_t = one_glmm(xi, ni, "t"))
}

cat(toJSON(list(sets = lapply(pinned$sets, one_set)), digits = NA, auto_unbox = TRUE, na = "null", pretty = TRUE))
