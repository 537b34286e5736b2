"""How to judge each kind of item, with examples: the first version, which a lead may edit."""

from __future__ import annotations

from collections.abc import Mapping

from reasonrank.review.values import Kind

DOCUMENT = """\
How well does this passage answer the question?

- 2, fully: the person who asked could stop here.
- 1, partly: useful, but incomplete, indirect or hedged.
- 0, not: it does not help, even if it shares every word with the question.

Judge what the passage says, not how well it is written, and not whether you would have said it yourself.
A passage that answers another question of the same topic is a 0.

Examples, for "why do moths circle a lamp":
- 2: "Moths turn their back to the light; near a lamp this keeps them flying in circles."
- 1: "Many insects are disturbed by artificial light at night and change how they fly."
- 0: "A moth lamp with a fan costs about thirty euros and runs on batteries."
"""

REASON = """\
The student explains why the passage has its grade. Judge the explanation, in three steps each (2 yes, 1 partly, 0 no):

- Correct: does it argue for the right grade, and is what it says true of this passage?
- Supported: can everything it claims be found in the passage? A true sentence that the passage does not say is
  not supported.
- Complete: does it name the thing that decides? "It talks about the topic" never decides anything.

Mark the words that are wrong. If you can mend the explanation, write it as it should read: one or two sentences
that name the concrete thing in the passage that decides, and no other passage.

Examples, for the passage "Moths turn their back to the light; near a lamp this keeps them flying in circles.":
- 2 2 2: "It gives the cause: moths turn their back to the light, which bends their path around the lamp."
- 2 2 0: "It is about moths and lamps."
- 0 0 1: "It says that moths mistake the lamp for the moon." (The passage does not say that. Mark "mistake the lamp
  for the moon".)
"""

PAIR = """\
Which of the two passages answers the question better? They stand left and right by chance.

- Left or right: the better one, even if only slightly.
- Equal: only where you would not mind which of them you were shown.

Then judge the comparison, if there is one: does it give a true reason for the passage it argues for?
2 yes, 1 partly, 0 no. If it argues for the worse passage, it is a 0, however well it reads.

Example, for "why do moths circle a lamp":
- left "Moths turn their back to the light; near a lamp this keeps them flying in circles.",
  right "Many insects are disturbed by artificial light." Left is better: it gives the cause.
"""

DEFAULTS: Mapping[Kind, str] = {"document": DOCUMENT, "reason": REASON, "pair": PAIR}
