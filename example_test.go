package whittle_test

import (
	"errors"
	"fmt"

	"whittle.dev/whittle"
)

func ExampleBytes() {
	fmt.Println(whittle.Bytes(402_000_000))
	fmt.Println(whittle.Bytes(579))
	fmt.Println(whittle.SignedBytes(15_100_000))
	// Output:
	// 402.0 MB
	// 579 B
	// +15.1 MB
}

func ExampleParseBytes() {
	n, err := whittle.ParseBytes("1.5GB")
	fmt.Println(n, err)
	// Output: 1500000000 <nil>
}

func ExampleParsePlatform() {
	p, err := whittle.ParsePlatform("linux/arm64/v8")
	fmt.Println(p.OS, p.Architecture, p.Machine(), err)
	// Output: linux arm64 aarch64 <nil>
}

// An error says what was wrong; its hint says what to try, and goes with the
// error through whatever wraps it.
func ExampleWithHint() {
	err := whittle.WithHint(fmt.Errorf("image app:lates: %w", whittle.ErrNotFound), "did you mean app:latest?")
	err = fmt.Errorf("inspecting: %w", err)
	fmt.Println(err)
	fmt.Println(whittle.Hint(err))
	fmt.Println(errors.Is(err, whittle.ErrNotFound))
	// Output:
	// inspecting: image app:lates: not found
	// did you mean app:latest?
	// true
}

func ExampleDidYouMean() {
	fmt.Println(whittle.DidYouMean("dockerfiel", []string{"args", "dockerfile", "target"}, "see --help"))
	fmt.Println(whittle.DidYouMean("colour", []string{"args", "dockerfile", "target"}, "see --help"))
	// Output:
	// did you mean "dockerfile"?
	// see --help
}

func ExampleSplice() {
	src := []byte("FROM python\nRUN pip install flask\n")
	out, err := whittle.Splice(src, []whittle.Edit{{Span: whittle.Span{Start: 5, End: 11}, New: "python:3.13-slim"}})
	fmt.Printf("%s%v", out, err)
	// Output:
	// FROM python:3.13-slim
	// RUN pip install flask
	// <nil>
}

// A file of 700 bytes that a later layer deletes is wasted: it is still
// downloaded and stored.
func ExampleLedger_Validate() {
	account := whittle.Ledger{
		Layers: []whittle.LayerSum{{Size: 1000, Visible: 300, Wasted: 700}, {}},
		Items: []whittle.Item{
			{Path: "app/main.py", Layer: 0, Bytes: 300, Cause: whittle.Visible, HiddenBy: -1},
			{Path: "tmp/build.o", Layer: 0, Bytes: 700, Cause: whittle.Deleted, HiddenBy: 1},
		},
	}
	sum := account.Sum()
	fmt.Println(whittle.Bytes(sum.Size), "=", whittle.Bytes(sum.Visible), "visible +", whittle.Bytes(sum.Wasted), "wasted;", account.Validate())
	account.Layers[0].Wasted = 0
	fmt.Println(account.Validate() == nil)
	// Output:
	// 1.0 kB = 300 B visible + 700 B wasted; <nil>
	// false
}
