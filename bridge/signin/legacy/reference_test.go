package legacy

import (
	"crypto/aes"
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"testing"
)

// The device's half, written from the standards with big integers and single blocks of AES. It shares nothing with the
// package, neither helpers nor the libraries that do its work, so that one mistake cannot be in both.

// The curve P-384 of FIPS 186-4, y² = x³ - 3x + b.
var (
	curveP = hexInt("fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff")
	curveN = hexInt("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973")
	curveB = hexInt("b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef")
	base   = point{
		hexInt("aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7"),
		hexInt("3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f"),
	}
)

func hexInt(text string) *big.Int {
	n, ok := new(big.Int).SetString(text, 16)
	if !ok {
		panic(text)
	}
	return n
}

// point is affine; without coordinates it is the point at infinity.
type point struct{ x, y *big.Int }

func pointOf(encoded []byte) point {
	if len(encoded) != 97 || encoded[0] != 4 {
		panic("not an uncompressed point")
	}
	return point{new(big.Int).SetBytes(encoded[1:49]), new(big.Int).SetBytes(encoded[49:])}
}

func (p point) bytes() []byte {
	encoded := make([]byte, 97)
	encoded[0] = 4
	p.x.FillBytes(encoded[1:49])
	p.y.FillBytes(encoded[49:])
	return encoded
}

func (p point) onCurve() bool {
	left := new(big.Int).Mul(p.y, p.y)
	right := new(big.Int).Exp(p.x, big.NewInt(3), nil)
	right.Sub(right, new(big.Int).Mul(big.NewInt(3), p.x)).Add(right, curveB)
	return left.Sub(left, right).Mod(left, curveP).Sign() == 0
}

func (p point) add(q point) point {
	if p.x == nil {
		return q
	}
	if q.x == nil {
		return p
	}
	rise, run := new(big.Int).Sub(q.y, p.y), new(big.Int).Sub(q.x, p.x)
	if run.Sign() == 0 {
		if rise.Sign() != 0 {
			return point{}
		}
		rise.Mul(p.x, p.x).Mul(rise, big.NewInt(3)).Sub(rise, big.NewInt(3))
		run.Lsh(p.y, 1)
	}
	slope := rise.Mul(rise, run.ModInverse(run.Mod(run, curveP), curveP))
	x := new(big.Int).Mul(slope, slope)
	x.Sub(x, p.x).Sub(x, q.x).Mod(x, curveP)
	y := new(big.Int).Sub(p.x, x)
	y.Mul(y, slope).Sub(y, p.y).Mod(y, curveP)
	return point{x, y}
}

func (p point) times(scalar *big.Int) point {
	var sum point
	for i := scalar.BitLen() - 1; i >= 0; i-- {
		sum = sum.add(sum)
		if scalar.Bit(i) == 1 {
			sum = sum.add(p)
		}
	}
	return sum
}

// referenceKDF is §7.5 step 2, spelled out.
func referenceKDF(z, v []byte) (key, iv []byte) {
	one := sha256.Sum256([]byte(string(z) + "\x00\x00\x00\x01" + string(v)))
	two := sha256.Sum256([]byte(string(z) + "\x00\x00\x00\x02" + string(v)))
	return one[:], two[:16]
}

// ghash is of NIST SP 800-38D, a bit at a time.
func ghash(h []byte, data []byte) []byte {
	y, factor := new(big.Int), new(big.Int).SetBytes(h)
	reduction := new(big.Int).Lsh(big.NewInt(0xe1), 120)
	for ; len(data) > 0; data = data[16:] {
		y.Xor(y, new(big.Int).SetBytes(data[:16]))
		product, v := new(big.Int), new(big.Int).Set(factor)
		for i := 127; i >= 0; i-- {
			if y.Bit(i) == 1 {
				product.Xor(product, v)
			}
			odd := v.Bit(0) == 1
			if v.Rsh(v, 1); odd {
				v.Xor(v, reduction)
			}
		}
		y = product
	}
	return y.FillBytes(make([]byte, 16))
}

// padded appends zeros to a whole block, then the lengths of additional data (none) and of data in bits.
func padded(data []byte) []byte {
	blocks := append([]byte{}, data...)
	for len(blocks)%16 != 0 {
		blocks = append(blocks, 0)
	}
	blocks = append(blocks, make([]byte, 8)...)
	return binary.BigEndian.AppendUint64(blocks, 8*uint64(len(data)))
}

// referenceGCM encrypts under a nonce that is not 12 bytes long, and appends the tag.
func referenceGCM(key, iv, plaintext []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	encrypt := func(in []byte) []byte {
		out := make([]byte, 16)
		block.Encrypt(out, in)
		return out
	}
	h := encrypt(make([]byte, 16))
	start := ghash(h, padded(iv))
	counter := append([]byte{}, start...)
	sealed := append([]byte{}, plaintext...)
	for i := range sealed {
		if i%16 == 0 {
			binary.BigEndian.PutUint32(counter[12:], binary.BigEndian.Uint32(counter[12:])+1)
		}
		sealed[i] ^= encrypt(counter)[i%16]
	}
	tag, mask := ghash(h, padded(sealed)), encrypt(start)
	for i := range tag {
		tag[i] ^= mask[i]
	}
	return append(sealed, tag...)
}

// deviceEncrypts does what a device does with the key of the request and an ephemeral scalar of its own.
func deviceEncrypts(public []byte, ephemeral *big.Int, plaintext []byte) []byte {
	v := base.times(ephemeral).bytes()
	z := pointOf(public).times(ephemeral).x.FillBytes(make([]byte, 48))
	key, iv := referenceKDF(z, v)
	return append(v, referenceGCM(key, iv, plaintext)...)
}

func TestTheReferenceIsTheCurve(t *testing.T) {
	if !base.onCurve() || !base.times(big.NewInt(12345)).onCurve() {
		t.Error("a multiple of the base point is not on the curve")
	}
	if base.times(curveN).x != nil {
		t.Error("the order times the base point must be infinity")
	}
}
