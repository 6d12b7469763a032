package picture

import (
	"encoding/binary"
	"image"
)

// orientation is how the camera was held, as Exif numbers it: 1 to 8, 1 being upright. Whatever is odd counts as upright.
func orientation(known format, data []byte) int {
	switch known.name {
	case "JPEG":
		return tiffOrientation(exifOf(data))
	case "TIFF":
		return tiffOrientation(data)
	}
	return 1
}

// exifOf finds the Exif data of a JPEG, which is a TIFF header with its directories: among the segments before the
// image, the APP1 that begins with its name.
func exifOf(data []byte) []byte {
	const app1, name = 0xe1, "Exif\x00\x00"
	for marker, segment := range jpegSegments(data) {
		if marker == app1 && len(segment) > len(name) && string(segment[:len(name)]) == name {
			return segment[len(name):]
		}
	}
	return nil
}

// tiffOrientation reads the orientation from the first directory.
func tiffOrientation(data []byte) int {
	const tag, short, entryLength = 0x0112, 3, 12
	if len(data) < 8 {
		return 1
	}
	var order binary.ByteOrder
	switch string(data[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	offset := uint64(order.Uint32(data[4:]))
	if offset+2 > uint64(len(data)) {
		return 1
	}
	entries := data[offset+2:]
	for range order.Uint16(data[offset:]) {
		if len(entries) < entryLength {
			return 1
		}
		if order.Uint16(entries) == tag {
			value := int(order.Uint16(entries[8:]))
			if order.Uint16(entries[2:]) != short || value < 1 || value > 8 {
				return 1
			}
			return value
		}
		entries = entries[entryLength:]
	}
	return 1
}

// upright turns and mirrors an image as its orientation says.
func upright(img *image.RGBA, orientation int) *image.RGBA {
	if orientation == 1 {
		return img
	}
	w, h := img.Rect.Dx(), img.Rect.Dy()
	turned := image.NewRGBA(image.Rect(0, 0, w, h))
	if orientation >= 5 { // on its side
		turned = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			toX, toY := x, y
			switch orientation {
			case 2:
				toX = w - 1 - x
			case 3:
				toX, toY = w-1-x, h-1-y
			case 4:
				toY = h - 1 - y
			case 5:
				toX, toY = y, x
			case 6:
				toX, toY = h-1-y, x
			case 7:
				toX, toY = h-1-y, w-1-x
			case 8:
				toX, toY = y, w-1-x
			}
			copy(turned.Pix[turned.PixOffset(toX, toY):][:4], img.Pix[img.PixOffset(x, y):][:4])
		}
	}
	return turned
}
