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
	LEAQ rounds<>(SB), AX
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

// The constants of the 64 rounds: FIPS 180-4, 4.2.2.
DATA rounds<>+0(SB)/8, $0x71374491428a2f98
DATA rounds<>+8(SB)/8, $0xe9b5dba5b5c0fbcf
DATA rounds<>+16(SB)/8, $0x59f111f13956c25b
DATA rounds<>+24(SB)/8, $0xab1c5ed5923f82a4
DATA rounds<>+32(SB)/8, $0x12835b01d807aa98
DATA rounds<>+40(SB)/8, $0x550c7dc3243185be
DATA rounds<>+48(SB)/8, $0x80deb1fe72be5d74
DATA rounds<>+56(SB)/8, $0xc19bf1749bdc06a7
DATA rounds<>+64(SB)/8, $0xefbe4786e49b69c1
DATA rounds<>+72(SB)/8, $0x240ca1cc0fc19dc6
DATA rounds<>+80(SB)/8, $0x4a7484aa2de92c6f
DATA rounds<>+88(SB)/8, $0x76f988da5cb0a9dc
DATA rounds<>+96(SB)/8, $0xa831c66d983e5152
DATA rounds<>+104(SB)/8, $0xbf597fc7b00327c8
DATA rounds<>+112(SB)/8, $0xd5a79147c6e00bf3
DATA rounds<>+120(SB)/8, $0x1429296706ca6351
DATA rounds<>+128(SB)/8, $0x2e1b213827b70a85
DATA rounds<>+136(SB)/8, $0x53380d134d2c6dfc
DATA rounds<>+144(SB)/8, $0x766a0abb650a7354
DATA rounds<>+152(SB)/8, $0x92722c8581c2c92e
DATA rounds<>+160(SB)/8, $0xa81a664ba2bfe8a1
DATA rounds<>+168(SB)/8, $0xc76c51a3c24b8b70
DATA rounds<>+176(SB)/8, $0xd6990624d192e819
DATA rounds<>+184(SB)/8, $0x106aa070f40e3585
DATA rounds<>+192(SB)/8, $0x1e376c0819a4c116
DATA rounds<>+200(SB)/8, $0x34b0bcb52748774c
DATA rounds<>+208(SB)/8, $0x4ed8aa4a391c0cb3
DATA rounds<>+216(SB)/8, $0x682e6ff35b9cca4f
DATA rounds<>+224(SB)/8, $0x78a5636f748f82ee
DATA rounds<>+232(SB)/8, $0x8cc7020884c87814
DATA rounds<>+240(SB)/8, $0xa4506ceb90befffa
DATA rounds<>+248(SB)/8, $0xc67178f2bef9a3f7
GLOBL rounds<>(SB), RODATA|NOPTR, $256
