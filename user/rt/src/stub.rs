//! One function for each system call, generated from the table.
//!
//! Arguments and values are bare registers. The object modules beside this one
//! give them types; programs have no reason to come here.
#![allow(unsafe_code, reason = "arguments are bare addresses here")]

use abi::Error;

use crate::svc;

/// The values in `x1`–`x3` of a call that succeeded.
pub type Values = [u64; 3];

/// Turns what came back in registers into a result.
#[inline(always)]
fn outcome([error, v1, v2, v3]: svc::Registers) -> Result<Values, Error> {
    if error == 0 {
        return Ok([v1, v2, v3]);
    }
    // A code this program does not know comes from a newer kernel.
    Err(Error::from_code(error).unwrap_or(Error::NotSupported))
}

/// Chooses the entry for a number of arguments.
macro_rules! enter {
    ($n:literal) => {
        svc::call0($n)
    };
    ($n:literal, $a:ident) => {
        svc::call1($n, $a)
    };
    ($n:literal, $a:ident, $b:ident) => {
        svc::call2($n, $a, $b)
    };
    ($n:literal, $a:ident, $b:ident, $c:ident) => {
        svc::call3($n, $a, $b, $c)
    };
    ($n:literal, $a:ident, $b:ident, $c:ident, $d:ident) => {
        svc::call4($n, $a, $b, $c, $d)
    };
    ($n:literal, $a:ident, $b:ident, $c:ident, $d:ident, $e:ident) => {
        svc::call5($n, $a, $b, $c, $d, $e)
    };
    ($n:literal, $a:ident, $b:ident, $c:ident, $d:ident, $e:ident, $f:ident) => {
        svc::call6($n, $a, $b, $c, $d, $e, $f)
    };
}

/// Makes the functions from the rows of the table.
macro_rules! stubs {
    ($(
        #[doc = $doc:literal]
        $number:literal $variant:ident $name:ident
            ( $($arg:ident : $kind:ident),* ) -> ( $($value:ident),* )
            rights $rights:literal errors [ $($error:ident),* ];
    )+) => {
        $(
            #[doc = $doc]
            ///
            /// # Safety
            ///
            /// Every address argument must be valid for what the call does with it.
            #[inline(always)]
            pub unsafe fn $name($($arg: u64),*) -> Result<Values, Error> {
                // SAFETY: the caller's promise about the addresses is passed on.
                outcome(unsafe { enter!($number $(, $arg)*) })
            }
        )+
    };
}

abi::for_each_syscall!(stubs);

/// Makes the call with any number and all six argument registers.
///
/// # Safety
///
/// Every address argument must be valid for what the call does with it.
pub unsafe fn any(number: u64, [a, b, c, d, e, f]: [u64; 6]) -> Result<Values, Error> {
    // SAFETY: the caller's promise about the addresses is passed on.
    outcome(unsafe { svc::call6(number, a, b, c, d, e, f) })
}
