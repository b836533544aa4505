#include "textflag.h"

// The instructions are described in the "Arm Architecture Reference Manual", under SHA256H,
// SHA256H2, SHA256SU0 and SHA256SU1. The first two do four rounds: of the words A to D, given E to
// H, and of E to H, given what A to D were.

// Four rounds of the states V0, V1 and V2, V3, with words of the schedule and with constants.
#define ROUNDS(constants, words) \
	VADD constants.S4, words.S4, V12.S4 \
	VMOV V0.B16, V13.B16 \
	VMOV V2.B16, V14.B16 \
	SHA256H V12.S4, V1, V0 \
	SHA256H V12.S4, V3, V2 \
	SHA256H2 V12.S4, V13, V1 \
	SHA256H2 V12.S4, V14, V3

// The next four words of the message schedule, from the last 16, in place of the oldest.
#define SCHEDULE(oldest, older, newer, newest) \
	SHA256SU0 older.S4, oldest.S4 \
	SHA256SU1 newest.S4, newer.S4, oldest.S4

// func advanceBlocks(a, b *state, p *byte, n int)
TEXT ·advanceBlocks(SB), NOSPLIT, $0-32
	MOVD a+0(FP), R0
	MOVD b+8(FP), R1
	MOVD p+16(FP), R2
	MOVD n+24(FP), R3
	MOVD $·rounds(SB), R4
	VLD1 (R0), [V0.S4, V1.S4]
	VLD1 (R1), [V2.S4, V3.S4]
	VLD1.P 64(R4), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1.P 64(R4), [V20.S4, V21.S4, V22.S4, V23.S4]
	VLD1.P 64(R4), [V24.S4, V25.S4, V26.S4, V27.S4]
	VLD1 (R4), [V28.S4, V29.S4, V30.S4, V31.S4]

block:
	VMOV V0.B16, V8.B16
	VMOV V1.B16, V9.B16
	VMOV V2.B16, V10.B16
	VMOV V3.B16, V11.B16

	// Words of a message are big-endian.
	VLD1.P 64(R2), [V4.B16, V5.B16, V6.B16, V7.B16]
	VREV32 V4.B16, V4.B16
	VREV32 V5.B16, V5.B16
	VREV32 V6.B16, V6.B16
	VREV32 V7.B16, V7.B16

	ROUNDS(V16, V4)
	ROUNDS(V17, V5)
	ROUNDS(V18, V6)
	ROUNDS(V19, V7)

	SCHEDULE(V4, V5, V6, V7)
	ROUNDS(V20, V4)
	SCHEDULE(V5, V6, V7, V4)
	ROUNDS(V21, V5)
	SCHEDULE(V6, V7, V4, V5)
	ROUNDS(V22, V6)
	SCHEDULE(V7, V4, V5, V6)
	ROUNDS(V23, V7)

	SCHEDULE(V4, V5, V6, V7)
	ROUNDS(V24, V4)
	SCHEDULE(V5, V6, V7, V4)
	ROUNDS(V25, V5)
	SCHEDULE(V6, V7, V4, V5)
	ROUNDS(V26, V6)
	SCHEDULE(V7, V4, V5, V6)
	ROUNDS(V27, V7)

	SCHEDULE(V4, V5, V6, V7)
	ROUNDS(V28, V4)
	SCHEDULE(V5, V6, V7, V4)
	ROUNDS(V29, V5)
	SCHEDULE(V6, V7, V4, V5)
	ROUNDS(V30, V6)
	SCHEDULE(V7, V4, V5, V6)
	ROUNDS(V31, V7)

	VADD V8.S4, V0.S4, V0.S4
	VADD V9.S4, V1.S4, V1.S4
	VADD V10.S4, V2.S4, V2.S4
	VADD V11.S4, V3.S4, V3.S4
	SUB $1, R3
	CBNZ R3, block

	VST1 [V0.S4, V1.S4], (R0)
	VST1 [V2.S4, V3.S4], (R1)
	RET
