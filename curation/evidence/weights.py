"""What each piece of evidence weighs. Above 0 it speaks for one study, below 0 against; from PROPOSE_FROM a person is
asked.

Nobody has published such weights for small trials of one field. These were set by hand so that the reports of
tests/cases/links.toml and the 35 of tests/test_link_reports.py get their answers; what they do is measured in
validation/linking/README.md. They order what a person reads. No sum of them makes a sure link: only a
registration number with nothing against it does (curation/link.py).
"""

from __future__ import annotations

from typing import Final

# A person reads a proposal in a minute; a companion that nobody proposes makes the same patients count twice. So low.
PROPOSE_FROM: Final = 0.3

# A shared number outweighs all else together: where a number is present, linking by it finds every companion
# (Cochrane's studification: sensitivity 100 % with a number, 50 % without).
SAME_TRIALS: Final = 1.0
SOME_TRIALS: Final = 0.6  # one of several: the report covers more than the study, or less
OTHER_TRIALS: Final = -0.6  # undoes SOME_TRIALS or a whole shared list of authors: one group runs several trials
REGISTER_CITES: Final = 0.6  # the register names the report under the study's trial; some of it is by text search
BEFORE_START: Final = -0.4  # published before the trial began
OVER_ENROLMENT: Final = -0.3  # far more patients than the trial enrolled
OVER_ENROLMENT_BY: Final = 1.5  # times; registers lag, and a report may count screened patients

CITES_REPORT: Final = 0.5  # a known report's DOI or PMID in the abstract or in a notice
CORRECTS_REPORT: Final = 0.8  # a notice "erratum for", "update of": of that publication, but a person says it counts
SAYS_SO: Final = 0.05  # "previously reported", "long-term follow-up": of whom, it does not say

SHARED_AUTHORS: Final = 0.6  # times the share of the shorter list
# Two people of one family name and initial are often found by chance; two such coincidences in one list are not.
FEWEST_SHARED_AUTHORS: Final = 2
# One name alone, where a source prints no more: it never reaches PROPOSE_FROM without a second kind of evidence.
FIRST_AUTHOR: Final = 0.2
NO_SHARED_AUTHOR: Final = -0.15  # both lists known and long: other people, but a consortium changes its writers
LONG_LIST: Final = 3  # authors from which a list tells something by whom it lacks
SAME_CENTRE: Final = 0.1
SAME_CITY: Final = 0.05
OTHER_CENTRES: Final = -0.2  # both known and none in common; also no author in common

SHARED_PRODUCT: Final = 0.4  # a product that the protocol names
SHARED_CODE: Final = 0.25  # what looks like a product's code ("PA3-17") and few studies print
FEW_STUDIES: Final = 2  # a code that more studies print is a method's or a gene's
OTHER_PRODUCT: Final = -0.5
SAME_SOURCE: Final = 0.1
OTHER_SOURCE: Final = -0.4  # autologous cells are not a donor's
SAME_DISEASE: Final = 0.05
OTHER_DISEASE: Final = -0.2
SAME_DOSE: Final = 0.1
OTHER_PHASE: Final = -0.2  # phases without one in common, and other numbers of patients
SAME_PHASE: Final = 0.05

# Times the likeness of the titles (0 to 1), whose words count the less the more studies of this review print them.
TITLE: Final = 0.5
TITLE_FROM: Final = 0.3  # below it the words shared are the field's
FEWEST_TITLE_WORDS: Final = 2

SAME_NUMBER: Final = 0.15  # of patients
GROWN_NUMBER: Final = 0.05
SHRUNK_NUMBER: Final = -0.2  # later, yet fewer: a subset at best
SAME_ACCRUAL: Final = 0.2
OVERLAPPING_ACCRUAL: Final = 0.05
OTHER_ACCRUAL: Final = -0.4  # periods that do not meet
LATER_CUTOFF: Final = 0.05

# A review, a comment, an editorial cites numbers of trials that are not its own. A number alone is then no proposal; a
# number and the trial's own authors are.
NO_REPORT: Final = -0.75
