package codec

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// programs are the usual compressors, each at its weakest and strongest.
var programs = [][]string{{"gzip", "-1"}, {"gzip", "-9"}, {"bzip2", "-1"}, {"bzip2", "-9"}, {"xz", "-0"}, {"xz", "-9e"}, {"xz", "-T2", "--block-size=64KiB"},
	{"xz", "--check=none"}, {"xz", "--check=sha256"}, {"xz", "--x86", "--lzma2"}, {"zstd", "-1"}, {"zstd", "--ultra", "-22", "--long=27"}}

func packed(t testing.TB, program []string, plain []byte) []byte {
	t.Helper()
	if _, err := exec.LookPath(program[0]); err != nil {
		t.Skip("no " + program[0] + " on this machine")
	}
	cmd := exec.Command(program[0], append(program[1:], "-c")...)
	cmd.Stdin = bytes.NewReader(plain)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", program, err)
	}
	return out
}

func unpacked(r io.Reader) ([]byte, error) {
	dec, release, err := Decompress(bufio.NewReader(r))
	if err != nil {
		return nil, err
	}
	defer release()
	b, err := io.ReadAll(dec)
	return b, Error(err)
}

// TestPrograms: what the programs write is read, whole and in pieces, and several
// streams one after the other are one. A cut or a flipped byte is an error.
func TestPrograms(t *testing.T) {
	plain := append(imagetest.Content("x", 300_000), make([]byte, 200_000)...)
	for _, program := range programs {
		t.Run(strings.Join(program, " "), func(t *testing.T) {
			one := packed(t, program, plain)
			if c := string(Of(one[:MagicSize])); c != program[0] {
				t.Errorf("it is taken for %s", c)
			}
			for name, r := range map[string]io.Reader{
				"whole": bytes.NewReader(one), "by halves": iotest.HalfReader(bytes.NewReader(one)), "ended with data": iotest.DataErrReader(bytes.NewReader(one)),
			} {
				if got, err := unpacked(r); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%s: %d bytes, %v", name, len(got), err)
				}
			}
			if got, err := unpacked(bytes.NewReader(append(bytes.Clone(one), one...))); err != nil || len(got) != 2*len(plain) {
				t.Errorf("twice: %d bytes, %v", len(got), err)
			}
			for _, cut := range []int{len(one) / 2, len(one) - 1, 8} {
				if _, err := unpacked(bytes.NewReader(one[:cut])); !errors.Is(err, whittle.ErrCorrupt) || !strings.Contains(err.Error(), "cut short") {
					t.Errorf("cut at %d of %d: %v", cut, len(one), err)
				}
			}
			if strings.Contains(program[len(program)-1], "none") || program[0] == "zstd" {
				return // no checksum that would notice
			}
			flipped := bytes.Clone(one)
			flipped[len(one)/2] ^= 0x10
			if _, err := unpacked(bytes.NewReader(flipped)); !errors.Is(err, whittle.ErrCorrupt) {
				t.Errorf("flipped: %v", err)
			}
			broken := errors.New("the disk is broken")
			if _, err := unpacked(io.MultiReader(bytes.NewReader(one[:len(one)/2]), iotest.ErrReader(broken))); err == nil {
				t.Error("an error of the source is lost")
			}
		})
	}
}

// TestWindow: a header may ask for any memory; it does not get it.
func TestWindow(t *testing.T) {
	plain := []byte("content")
	b := packed(t, []string{"xz", "--lzma2=dict=256MiB"}, plain)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := unpacked(bytes.NewReader(b))
	runtime.ReadMemStats(&after)
	if !errors.Is(err, whittle.ErrLimit) {
		t.Error(err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > window {
		t.Errorf("it takes %d bytes", took)
	}
}

// FuzzDecompress: no bytes make a decoder panic, and what it gives without an error is
// what the program gives for the same bytes.
func FuzzDecompress(f *testing.F) {
	for _, program := range programs {
		if _, err := exec.LookPath(program[0]); err == nil {
			f.Add(packed(f, program, imagetest.Content("x", 500)))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := Of(b[:min(len(b), MagicSize)])
		dec, release, err := Decompress(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			return
		}
		defer release()
		got, err := io.ReadAll(io.LimitReader(dec, 4<<20))
		if c == Plain && (err != nil || !bytes.Equal(got, b)) {
			t.Errorf("what is not compressed is changed: %v", err)
		}
		if err != nil && Error(err) == nil {
			t.Error("an error is lost")
		}
	})
}
