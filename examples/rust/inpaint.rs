// Fills bare bytes by liblama, in Rust without a crate: inpaint BUNDLE WIDTH HEIGHT < rgb-and-mask > rgb
//
//     rustc -O inpaint.rs -L <lib> -l lama
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::io::{Read, Write};

#[repr(C)]
struct Image { data: *mut u8, width: i64, height: i64, stride: i64, format: c_int }

#[repr(C)]
struct Failure { status: c_int, message: [c_char; 1024] }

extern "C" {
    fn lama_load(bundle: *const c_char, options: *const c_void, to: *mut *mut c_void, error: *mut Failure) -> c_int;
    fn lama_inpaint(on: *mut c_void, image: *const Image, mask: *const Image, output: *const Image,
                    call: *const c_void, error: *mut Failure) -> c_int;
    fn lama_free(inpainter: *mut c_void);
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let (width, height): (i64, i64) = (words[2].parse().unwrap(), words[3].parse().unwrap());
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as i64, width * height * 4, "rgb, then the mask");
    let image = Image { data: bytes.as_mut_ptr(), width, height, stride: width * 3, format: 2 };
    let hole = bytes[(width * height * 3) as usize..].as_mut_ptr();
    let mask = Image { data: hole, width, height, stride: width, format: 1 };
    let (bundle, none) = (CString::new(words[1].as_str()).unwrap(), std::ptr::null());
    let (mut inpainter, mut error) = (std::ptr::null_mut(), Failure { status: 0, message: [0; 1024] });
    let status = unsafe {
        match lama_load(bundle.as_ptr(), none, &mut inpainter, &mut error) {
            0 => lama_inpaint(inpainter, &image, &mask, &image, none, &mut error),
            status => status,
        }
    };
    unsafe { lama_free(inpainter) };
    if status != 0 {
        eprintln!("error: {}", unsafe { CStr::from_ptr(error.message.as_ptr()) }.to_string_lossy());
        std::process::exit(1);
    }
    std::io::stdout().write_all(&bytes[..(width * height * 3) as usize]).unwrap();
}
