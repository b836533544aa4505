// Probe is the only program of the test images: it says what it sees.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// shell replaces /bin/sh: it runs the check that is its arguments behind
// the script, again and again, as the watcher does.
func shell(args []string) {
	for len(args) > 4 {
		fmt.Println("port 1F40\nprogram probe")
		if out, err := exec.Command(args[4], args[5:]...).CombinedOutput(); err == nil {
			fmt.Println("healthy")
			return
		} else {
			fmt.Printf("round\ncheck %s", out)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

var eaten [][]byte

func dial(network, address string) error {
	c, err := net.DialTimeout(network, address, 3*time.Second)
	if err == nil {
		_, err = io.Copy(os.Stdout, c)
	}
	return err
}

func main() {
	if len(os.Args) < 2 {
		fmt.Println("probe", strings.Join(os.Args, " "))
		return
	}
	arg := func(i int) string { return append(os.Args, "", "", "")[i+1] }
	number, _ := strconv.Atoi(arg(1))
	var err error
	switch os.Args[1] {
	case "-c": // it is the shell: it says what the watcher would
		shell(os.Args)
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
	case "ready": // after a second it is
		time.Sleep(time.Second)
		err = os.WriteFile(arg(1), nil, 0o644)
		time.Sleep(time.Minute)
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
	case "dial":
		err = dial(arg(1), arg(2))
	case "redial": // until somebody is there
		for range 600 {
			if err = dial(arg(1), arg(2)); err == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	case "serve": // one who dials
		var l net.Listener
		if l, err = net.Listen(arg(1), arg(2)); err == nil {
			var c net.Conn
			if c, err = l.Accept(); err == nil {
				fmt.Fprintln(c, "the other step's service")
				err = c.Close()
			}
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
	case "eat": // memory, a MB at a time
		for range number {
			eaten = append(eaten, make([]byte, 1<<20))
			for i := range eaten[len(eaten)-1] {
				eaten[len(eaten)-1][i] = 1
			}
		}
	case "child": // runs itself, and fails where that does
		err = exec.Command("/probe", os.Args[2:]...).Run()
	case "spawn": // so many processes, which all wait
		for range number {
			if err = exec.Command("/probe", "sleep", "30").Start(); err != nil {
				break
			}
		}
	case "reach":
		reach(arg(1), arg(2), os.Args[4])
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
