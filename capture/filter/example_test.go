package filter_test

import (
	"errors"
	"fmt"

	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/decode"
)

func Example() {
	p, err := filter.Compile("udp dst port 53", filter.Target{Link: decode.LinkRaw})
	if err != nil {
		fmt.Println(err)
		return
	}
	query := []byte{
		0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
		0x30, 0x39, 0, 53, 0, 8, 0, 0, // UDP
	}
	fmt.Println(p.Match(query, nil) > 0)
	query[23] = 54
	fmt.Println(p.Match(query, nil) > 0)
	// Output:
	// true
	// false
}

func ExampleProgram_String() {
	p, err := filter.Compile("ip", filter.Target{Link: decode.LinkEthernet})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(p)
	// Output:
	// (000) ldh      [12]
	// (001) jeq      #0x800           jt 2	jf 3
	// (002) ret      #262144
	// (003) ret      #0
}

func ExampleError() {
	_, err := filter.Compile("tcp prot 80", filter.Target{Link: decode.LinkEthernet})
	fmt.Println(err)
	var e *filter.Error
	if errors.As(err, &e) {
		fmt.Println(e.Point())
	}
	// Output:
	// filter: unexpected "prot": say what it is, such as tcp host, tcp port or tcp proto (column 5)
	// tcp prot 80
	//     ^^^^
}
