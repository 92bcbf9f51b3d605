"""An R script that holds the review's pooled data, pools them again by metafor, and fails where it disagrees."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.estimates import ARCSINE_REML_HK, BETA_BINOMIAL, FTT_DL, GLMM_LOGIT, LOGIT_REML_HK
from analysis.scripts import LABEL_CHARACTERS, TOLERANCE, About, Analysis, comment, conventions, figures

RERUN = (GLMM_LOGIT, FTT_DL, LOGIT_REML_HK, ARCSINE_REML_HK, BETA_BINOMIAL)

FUNCTIONS = r"""
suppressPackageStartupMessages(library(metafor))
said <- c("R", "metafor", "lme4")
cat(paste(said, c(as.character(getRversion()), as.character(packageVersion("metafor")),
                  as.character(packageVersion("lme4"))), collapse = ", "), "\n\n")
disagreements <- 0
extremes <- 0

crit <- function(quantile, k) if (quantile == "z") qnorm((1 + level) / 2) else qt((1 + level) / 2, k - 1)

# The intervals are made here and not by predict(): its conventions changed between versions of metafor.
ends <- function(fit, k, quantile, quantile_new, back) {
  b <- c(fit$beta); half <- crit(quantile, k) * fit$se; new <- crit(quantile_new, k) * sqrt(fit$tau2 + fit$se^2)
  list(estimate = back(b), ci_lb = back(b - half), ci_ub = back(b + half), pi_lb = back(b - new),
       pi_ub = back(b + new), tau2 = fit$tau2)
}

average <- function(fit) integrate(function(z) plogis(c(fit$beta) + sqrt(fit$tau2) * z) * dnorm(z), -Inf, Inf,
                                   rel.tol = 1e-8)$value

# Fisher scoring with halved steps: at full steps it can swing about the maximum and not converge.
iterated <- list(threshold = 1e-9, stepadj = 0.5, maxiter = 10000)

models <- list(
  "glmm-logit" = function(xi, ni) {
    fit <- rma.glmm(measure = "PLO", xi = xi, ni = ni, method = "ML", nAGQ = 7, test = ci_method)
    c(ends(fit, length(xi), ci_method, ci_method, plogis), average = average(fit))
  },
  "ftt-dl" = function(xi, ni) {
    fit <- rma(measure = "PFT", xi = xi, ni = ni, method = "DL", test = "z")
    ends(fit, length(xi), "z", "t", function(value) transf.ipft.hm(value, targs = list(ni = ni)))
  },
  "logit-reml-hk" = function(xi, ni) {
    fit <- rma(measure = "PLO", xi = xi, ni = ni, method = "REML", test = "knha", control = iterated)
    ends(fit, length(xi), "t", "t", plogis)
  },
  "arcsine-reml-hk" = function(xi, ni) {
    fit <- rma(measure = "PAS", xi = xi, ni = ni, method = "REML", test = "knha", control = iterated)
    ends(fit, length(xi), "t", "t", transf.iarcsin)
  },
  "beta-binomial" = function(xi, ni) {
    # No metafor: maximum likelihood in (logit mu, log precision) by base R, as VGAM and aod have it.
    minus <- function(at) {
      a <- exp(at[2]) * plogis(at[1]); b <- exp(at[2]) * plogis(-at[1])
      -sum(lchoose(ni, xi) + lbeta(xi + a, ni - xi + b) - lbeta(a, b))
    }
    start <- c(qlogis((sum(xi) + 0.5) / (sum(ni) + 1)), 2)
    fit <- optim(start, minus, method = "BFGS", control = list(reltol = 1e-15, maxit = 1000))
    mu <- fit$par[1]; rho <- plogis(-fit$par[2])
    if (fit$par[2] > 9) {  # rho below 1e-4 runs to its edge, 0: the binomial of the sums
      mu <- qlogis(sum(xi) / sum(ni)); rho <- 0; se <- (sum(ni) * plogis(mu) * plogis(-mu))^-0.5; tau2 <- 0
    } else {
      se <- sqrt(solve(optimHess(fit$par, minus, control = list(ndeps = c(1e-4, 1e-4))))[1, 1])
      tau2 <- trigamma(exp(fit$par[2]) * plogis(mu)) + trigamma(exp(fit$par[2]) * plogis(-mu))
    }
    half <- crit(ci_method, length(xi)) * se
    ci <- plogis(mu + c(-half, half))
    both <- rho + plogis(mu) * plogis(-mu) * se^2  # the correlation that holds the estimate's variance too
    precision <- (1 - both) / both
    new <- qbeta(pnorm(c(-1, 1) * crit(ci_method, length(xi))), plogis(mu) * precision, plogis(-mu) * precision)
    list(estimate = plogis(mu), ci_lb = ci[1], ci_ub = ci[2], pi_lb = min(ci[1], new[1]), pi_ub = max(ci[2], new[2]),
         tau2 = tau2)
  })

percent <- function(value) formatC(100 * value, format = "f", digits = 2)

# Above this tau2 (logit) seven quadrature points and lme4's standard error are no longer good to 1e-4: a difference is
# shown and not counted. Only the bounds for unreported outcomes come near it.
extreme <- 4

compare <- function(ours, theirs, counted = TRUE) {
  for (name in names(ours)) {
    r <- theirs[[name]]
    if (is.null(r) || is.na(r) || abs(ours[[name]] - r) > tolerance * max(1, abs(r))) {
      cat(if (counted) "  DISAGREES: " else "  differs, tau2 is extreme: ", name, " ours ",
          format(ours[[name]], digits = 10), ", R ", format(r, digits = 10), "\n", sep = "")
      extremes <<- extremes + !counted
      disagreements <<- disagreements + counted
    }
  }
}

again <- function(name, model, study, xi, ni, included, ours) {
  fit <- tryCatch(suppressMessages(models[[model]](xi, ni)), error = function(e) conditionMessage(e))
  if (is.character(fit)) {
    cat(name, " (", model, "): R REFUSES: ", fit, "\n", sep = "")
    disagreements <<- disagreements + 1
    return(invisible())
  }
  cat(sprintf("%s (%s), %d of %d: %d/%d, %s%% (CI %s to %s), prediction %s to %s, tau2 %.4f\n", name, model, length(xi),
              included, sum(xi), sum(ni), percent(fit$estimate), percent(fit$ci_lb), percent(fit$ci_ub),
              percent(fit$pi_lb), percent(fit$pi_ub), fit$tau2))
  compare(ours, fit, counted = model != "glmm-logit" || ours$tau2 <= extreme)
}

refused <- function(name, study, xi, ni, included, reason, ours) {
  if (length(xi) == 0) return(cat(name, ": ", reason, "\n", sep = ""))
  exact <- binom.test(sum(xi), sum(ni), conf.level = level)$conf.int
  cat(sprintf("%s, %d of %d: not pooled (%s); %d/%d, exact CI %s to %s\n", name, length(xi), included, reason, sum(xi),
              sum(ni), percent(exact[1]), percent(exact[2])))
  compare(ours, list(ci_lb = exact[1], ci_ub = exact[2]))
}
"""

END = r"""
if (disagreements > 0) {
  cat("\n", disagreements, " figures disagree by more than ", tolerance, "\n", sep = "")
  quit(status = 1)
}
cat("\nEvery figure compared agrees within", tolerance, "\n")
if (extremes > 0) cat("Not counted:", extremes, "figures that differ where tau2 is extreme\n")
"""


def metafor_script(about: About, found: list[Analysis]) -> str:
    """The script, for R with metafor and lme4. Exit status 1 where a figure differs by more than TOLERANCE.

    The tolerance is absolute below 1 (proportions), relative above (tau2). The beta-binomial, which metafor does not
    fit, is maximised by base R. Analyses by any other model are named and not rerun.
    """
    lines = [f"# {line}" for line in conventions(about, found)]
    lines.append(
        "# Written for metafor 3.8 (Debian 12) and later; run: Rscript FILE. Exit 1: R disagrees with the review."
    )
    lines += ["", f"level <- {about.level!r}", f"tolerance <- {TOLERANCE!r}"]
    lines.append(f"ci_method <- {r_string('z' if about.ci_method == 'z' else 't')}")
    lines.append(FUNCTIONS)
    outcome = ""
    for one in found:
        if one.outcome != outcome:
            outcome = one.outcome
            lines += [
                "",
                f"# {comment(one.label)}",
                f"cat({r_string(chr(10) + one.outcome + ': ' + one.label)}, '\\n')",
            ]
        lines += _analysis(one)
    return "\n".join([*lines, END])


def r_string(text: str) -> str:
    """Any text as an R string of plain ASCII: nothing in it can end the string, whatever the locale of R is."""
    return '"' + "".join(_r_character(c) for c in text) + '"'


def _r_character(c: str) -> str:
    if c == "\n":
        return "\\n"
    if " " <= c <= "~" and c not in '"\\':
        return c
    if c in '"\\':
        return f"\\{c}"
    if ord(c) < 0xA0 or 0xD800 <= ord(c) <= 0xDFFF:
        return " "  # control characters and halves of surrogate pairs are no text
    return f"\\u{ord(c):04x}" if ord(c) <= 0xFFFF else f"\\U{ord(c):08x}"


def _analysis(one: Analysis) -> list[str]:
    over = f"{one.name}, patients {one.denominator}"
    if one.body["pooled"] and one.model not in RERUN:
        return [f"cat({r_string(f'{over}: no rerun of {one.model}')}, '\\n')"]
    ours = ", ".join(f"{name} = {value!r}" for name, value in figures(one).items())
    studies = _vector(r_string(row.label[:LABEL_CHARACTERS]) for row in one.rows)
    events, totals = (_vector(str(getattr(row, name)) for row in one.rows) for name in ("events", "total"))
    data = f"study = {studies},\n  xi = {events},\n  ni = {totals},\n  included = {one.included}"
    if not one.body["pooled"]:
        reason = r_string(one.body["reason"])
        return [f"refused({r_string(over)}, {data}, reason = {reason},\n  ours = list({ours}))"]
    return [f"again({r_string(over)}, {r_string(one.model)}, {data},\n  ours = list({ours}))"]


def _vector(items: Iterable[str]) -> str:
    return f"c({', '.join(items)})"
