// Probe is the only program of the test images: it says what it sees.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Println("probe", strings.Join(os.Args, " "))
		return
	}
	arg := func(i int) string { return append(os.Args, "", "", "")[i+1] }
	number, _ := strconv.Atoi(arg(1))
	var err error
	switch os.Args[1] {
	case "env":
		fmt.Println(strings.Join(os.Environ(), "\n"))
	case "where":
		dir, _ := os.Getwd()
		fmt.Println(os.Getuid(), os.Getgid(), dir)
	case "exit":
		fmt.Println("out")
		fmt.Fprintln(os.Stderr, "err")
		os.Exit(number)
	case "sleep":
		fmt.Println("sleeping")
		time.Sleep(time.Duration(number) * time.Second)
	case "spew":
		for i := range number {
			fmt.Println("line", i)
		}
	case "net":
		var all []net.Interface
		all, err = net.Interfaces()
		for _, i := range all {
			fmt.Println(i.Name)
		}
	case "cat":
		_, err = io.Copy(os.Stdout, os.Stdin)
	case "write":
		err = os.WriteFile(arg(1), []byte(arg(2)), 0o644)
	case "now":
		err = os.WriteFile(arg(1), []byte(time.Now().String()), 0o644)
	case "size":
		var info os.FileInfo
		if info, err = os.Stat(arg(1)); err == nil {
			fmt.Println(info.Size())
		}
	case "fill":
		number, _ = strconv.Atoi(arg(2))
		err = os.WriteFile(arg(1), make([]byte, number), 0o644)
	case "list":
		var all []os.DirEntry
		all, err = os.ReadDir(arg(1))
		for _, e := range all {
			fmt.Println(e.Name())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(9)
	}
}
