# Fits by metafor, for benchmarks: Rscript metafor.R CASES.csv TIMES
# CASES.csv has a line for each study: case, method, first, second (yi and vi; events and totals for the GLMM).
# Prints a line for each case: case, estimate, tau2 (empty where it refuses); then "seconds" and the CPU time of one
# pass over all cases, loading not included: the mean of TIMES passes.
suppressMessages(library(metafor))
arguments <- commandArgs(TRUE)
studies <- read.csv(arguments[1], stringsAsFactors = FALSE)
times <- as.integer(arguments[2])
sets <- split(studies, factor(studies$case, levels = unique(studies$case)))

fit <- function(set) tryCatch(suppressWarnings(
  if (set$method[1] == "GLMM") rma.glmm(measure = "PLO", xi = set$first, ni = set$second)
  else rma(yi = set$first, vi = set$second, method = set$method[1])), error = function(e) NULL)

invisible(fit(sets[[1]]))
before <- proc.time()
for (pass in seq_len(times)) fits <- lapply(sets, fit)
took <- (proc.time() - before) / times
for (name in names(sets)) {
  found <- fits[[name]]
  if (is.null(found)) cat(name, ",,\n", sep = "")
  else cat(sprintf("%s,%.17g,%.17g\n", name, c(found$beta)[1], found$tau2))
}
cat(sprintf("seconds,%.6f,\n", took[["user.self"]] + took[["sys.self"]]))
