#include "textflag.h"

// The SHA extensions are described in Intel's "Software Developer's Manual", volume 2, under
// SHA256RNDS2, SHA256MSG1 and SHA256MSG2. SHA256RNDS2 does two rounds with the two lowest words
// of X0: its last operand has C, D, G and H, the one before A, B, E and F, and the last one then
// has the new A, B, E and F. The old ones are the new C, D, G and H, so that the registers take
// turns. One waits four cycles for the one before; that of the other state runs meanwhile.

// Four rounds of the states X1, X2 and X3, X4, with words of the schedule and with the constants
// at an offset.
#define ROUNDS(offset, words) \
	VPADDD offset(AX), words, X0 \
	SHA256RNDS2 X0, X1, X2 \
	SHA256RNDS2 X0, X3, X4 \
	VPSHUFD $0x0e, X0, X0 \
	SHA256RNDS2 X0, X2, X1 \
	SHA256RNDS2 X0, X4, X3

// The next four words of the message schedule, from the last 16, in place of the oldest.
#define SCHEDULE(oldest, older, newer, newest) \
	SHA256MSG1 older, oldest \
	VPALIGNR $4, newer, newest, X9 \
	VPADDD X9, oldest, oldest \
	SHA256MSG2 newest, oldest

// func advanceBlocks(a, b *state, p *byte, n int)
TEXT ·advanceBlocks(SB), NOSPLIT, $0-32
	MOVQ a+0(FP), DI
	MOVQ b+8(FP), SI
	MOVQ p+16(FP), DX
	MOVQ n+24(FP), CX
	LEAQ ·rounds(SB), AX
	VMOVDQU (DI), X1
	VMOVDQU 16(DI), X2
	VMOVDQU (SI), X3
	VMOVDQU 16(SI), X4
	VMOVDQU bigEndian<>(SB), X10

block:
	VMOVDQA X1, X11
	VMOVDQA X2, X12
	VMOVDQA X3, X13
	VMOVDQA X4, X14

	VMOVDQU (DX), X5
	VPSHUFB X10, X5, X5
	ROUNDS(0, X5)
	VMOVDQU 16(DX), X6
	VPSHUFB X10, X6, X6
	ROUNDS(16, X6)
	VMOVDQU 32(DX), X7
	VPSHUFB X10, X7, X7
	ROUNDS(32, X7)
	VMOVDQU 48(DX), X8
	VPSHUFB X10, X8, X8
	ROUNDS(48, X8)

	SCHEDULE(X5, X6, X7, X8)
	ROUNDS(64, X5)
	SCHEDULE(X6, X7, X8, X5)
	ROUNDS(80, X6)
	SCHEDULE(X7, X8, X5, X6)
	ROUNDS(96, X7)
	SCHEDULE(X8, X5, X6, X7)
	ROUNDS(112, X8)

	SCHEDULE(X5, X6, X7, X8)
	ROUNDS(128, X5)
	SCHEDULE(X6, X7, X8, X5)
	ROUNDS(144, X6)
	SCHEDULE(X7, X8, X5, X6)
	ROUNDS(160, X7)
	SCHEDULE(X8, X5, X6, X7)
	ROUNDS(176, X8)

	SCHEDULE(X5, X6, X7, X8)
	ROUNDS(192, X5)
	SCHEDULE(X6, X7, X8, X5)
	ROUNDS(208, X6)
	SCHEDULE(X7, X8, X5, X6)
	ROUNDS(224, X7)
	SCHEDULE(X8, X5, X6, X7)
	ROUNDS(240, X8)

	VPADDD X11, X1, X1
	VPADDD X12, X2, X2
	VPADDD X13, X3, X3
	VPADDD X14, X4, X4
	ADDQ $64, DX
	DECQ CX
	JNZ block

	VMOVDQU X1, (DI)
	VMOVDQU X2, 16(DI)
	VMOVDQU X3, (SI)
	VMOVDQU X4, 16(SI)
	RET

// func hasSHA() bool
TEXT ·hasSHA(SB), NOSPLIT, $0-1
	XORL AX, AX
	CPUID
	XORL R8, R8
	CMPL AX, $7
	JLT  done
	MOVL $7, AX
	XORL CX, CX
	CPUID
	SHRL $29, BX
	ANDL $1, BX
	MOVL BX, R8
done:
	MOVB R8, ret+0(FP)
	RET

// Words of a message are big-endian.
DATA bigEndian<>+0(SB)/8, $0x0405060700010203
DATA bigEndian<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL bigEndian<>(SB), RODATA|NOPTR, $16
