// SPDX-License-Identifier: MIT OR Apache-2.0
// C's malloc under Go's scheduler: goroutines move between threads, which its signals interrupt;
// blocks wander, C threads call back, the C library looks up names, child processes come and go.
//
//	work ROUNDS    one line a round, always the same
package main

/*
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

extern long inGo(long);

static void* body(void* p) {
  char* text = strdup("a thread of C's");
  const long answer = inGo(*(long*)p) + (long)strlen(text);
  free(text);
  *(long*)p = answer;
  return p;
}

static long thread_of_c(long n) {
  long* box = malloc(sizeof *box);
  void* result;
  pthread_t thread;
  *box = n;
  if (pthread_create(&thread, NULL, body, box) != 0 || pthread_join(thread, &result) != 0) abort();
  const long answer = *(long*)result;
  free(result);
  return answer;
}
*/
import "C"

import (
	"fmt"
	"math/rand"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"unsafe"
)

const routines = 12

//export inGo
func inGo(n C.long) C.long {
	text := C.CString(strings.Repeat("x", int(n)))
	defer C.free(unsafe.Pointer(text))
	return C.long(len(C.GoString(text)))
}

type block struct {
	at   unsafe.Pointer
	size int
}

func (b block) fill() { C.memset(b.at, C.int(b.size%251), C.size_t(b.size)) }

func (b block) check() {
	for _, byte := range unsafe.Slice((*byte)(b.at), b.size) {
		if int(byte) != b.size%251 {
			panic("contents changed")
		}
	}
}

func size(choose *rand.Rand) int {
	most := 11
	if choose.Intn(100) == 0 {
		most = 20
	}
	return 1<<choose.Intn(most) + choose.Intn(8)
}

func blocks(choose *rand.Rand, from <-chan block, to chan<- block) (sum int) {
	live := make([]block, 300)
	for i := 0; i < 6000; i++ {
		select {
		case other, open := <-from:
			if !open {
				from = nil
				break
			}
			other.check()
			grown := C.realloc(other.at, C.size_t(2*other.size))
			block{grown, other.size}.check()
			C.free(grown)
		default:
		}
		slot := choose.Intn(len(live))
		if old := live[slot]; old.at != nil {
			old.check()
			if slot%2 == 0 {
				to <- old
			} else {
				C.free(old.at)
			}
		}
		made := block{nil, size(choose)}
		switch i % 3 {
		case 0:
			made.at = C.malloc(C.size_t(made.size))
		case 1:
			made.at = C.calloc(1, C.size_t(made.size))
		default:
			if C.posix_memalign(&made.at, C.size_t(16<<choose.Intn(9)), C.size_t(made.size)) != 0 {
				panic("no memory")
			}
		}
		made.fill()
		live[slot] = made
		sum = sum*31 + made.size
	}
	close(to)
	for _, last := range live {
		if last.at != nil {
			C.free(last.at)
		}
	}
	if from != nil {
		for other := range from {
			C.free(other.at)
		}
	}
	return
}

func lookUp() string {
	addresses, err := net.LookupHost("localhost")
	if err != nil {
		panic(err)
	}
	root, err := user.Lookup("root")
	if err != nil {
		panic(err)
	}
	return fmt.Sprint(len(addresses) > 0, root.Uid)
}

func child(n int) string {
	output, err := exec.Command("/bin/echo", strconv.Itoa(n)).Output()
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(output))
}

func main() {
	rounds, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	for round := 0; round < rounds; round++ {
		channels := make([]chan block, routines)
		for i := range channels {
			channels[i] = make(chan block, 100_000)
		}
		sums := make([]int, routines)
		var all sync.WaitGroup
		for i := range sums {
			i := i
			all.Add(1)
			go func() {
				defer all.Done()
				choose := rand.New(rand.NewSource(int64(1000*round + i)))
				sums[i] = blocks(choose, channels[i], channels[(i+1)%routines])
			}()
		}
		sum := C.long(0)
		for i := 0; i < 50; i++ {
			sum = sum*31 + C.thread_of_c(C.long(choosey(round, i)))
		}
		children := []string{}
		for i := 0; i < 4; i++ {
			children = append(children, child(4*round+i))
		}
		found := lookUp()
		all.Wait()
		fmt.Printf("%d: %x, threads %x, children %v, found %s\n", round, sums, sum, children, found)
	}
}

func choosey(round, i int) int { return (round*50 + i) * 7919 % 5000 }
