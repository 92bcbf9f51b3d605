# Two groups by metafor: Rscript two_groups.R < tables.csv > answers.csv
# In: set,a,n1,c,n2 with a header. Out: set,what,numbers ... at 17 digits; NA where R has none.
suppressMessages(library(metafor))
options(warn = -1)
tables <- read.csv(file("stdin"))
tell <- function(set, what, numbers) {
  cat(paste(c(set, what, formatC(as.numeric(numbers), digits = 17, format = "g")), collapse = ","), "\n", sep = "")
}
or_na <- function(value) if (is.null(value)) NA else value
for (set in unique(tables$set)) {
  x <- tables[tables$set == set, ]
  for (measure in c("OR", "RR", "RD", "AS", "PETO")) {
    found <- escalc(measure = measure, ai = x$a, n1i = x$n1, ci = x$c, n2i = x$n2)
    tell(set, paste0("escalc ", measure), c(found$yi, found$vi))
  }
  for (measure in c("OR", "RR", "RD")) {
    fit <- rma.mh(measure = measure, ai = x$a, n1i = x$n1, ci = x$c, n2i = x$n2)
    tests <- if (measure == "OR") c(or_na(fit$MH), or_na(fit$BD), or_na(fit$TA)) else NULL
    tell(set, measure, c(fit$beta[1], fit$se, fit$pval, fit$ci.lb, fit$ci.ub, fit$QE, fit$QEp, fit$I2, tests))
  }
  fit <- tryCatch(rma.peto(ai = x$a, n1i = x$n1, ci = x$c, n2i = x$n2), error = function(e) NULL)
  if (is.null(fit)) tell(set, "PETO", rep(NA, 8)) else
    tell(set, "PETO", c(fit$beta[1], fit$se, fit$pval, fit$ci.lb, fit$ci.ub, fit$QE, fit$QEp, fit$I2))
}
