"""What a vault/1 peer can do wrong, by name.

An act belongs to a stage: 'raw' instead of the handshake, 'greet' instead of OPEN or READY,
'record' right after it. After a 'greet' or 'record' act the session goes on honestly, so that the
other side's answer is seen. Each act says who can do it (i initiator, r responder, b both) and the
exit status that the other side should leave with ('0|8': either; '-': the text does not say).
"""

import vault1_misbehave_handshake  # noqa: F401 (fills the table)
import vault1_misbehave_records  # noqa: F401
from vault1_acts import describe, find, known

__all__ = ["describe", "find", "known"]
