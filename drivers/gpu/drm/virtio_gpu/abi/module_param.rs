// SPDX-License-Identifier: GPL-2.0

//! Module parameters whose value is one of a few words.
//!
//! The kernel's `module!` takes numbers only. [`module_words!`] stands beside it in the crate root and
//! makes parameters of the same kind: to be set when the module is loaded, or on the kernel's command
//! line, and not to be seen in sysfs. A word that is none of them keeps the module from loading.
//!
//! C header: [`include/linux/moduleparam.h`](srctree/include/linux/moduleparam.h)

use super::bindings;
use kernel::{
    error::from_result,
    prelude::*,
    sync::SetOnce, //
};

pub(crate) use kernel::module_param::KernelParam;

/// What a parameter can be set to.
pub(crate) trait Word: Copy + Send + Sync + 'static {
    /// The words and what they stand for.
    const WORDS: &'static [(&'static str, Self)];
}

/// The place of a parameter's value.
pub(crate) struct WordParam<T> {
    value: SetOnce<T>,
    default: T,
}

impl<T: Word> WordParam<T> {
    /// The place of a parameter that is `default` where nobody sets it.
    pub(crate) const fn new(default: T) -> Self {
        Self {
            value: SetOnce::new(),
            default,
        }
    }

    /// The value.
    pub(crate) fn value(&self) -> T {
        self.value.copy().unwrap_or(self.default)
    }

    /// Sets the value, once, to what a word stands for.
    fn set(&self, word: &[u8]) -> Result {
        let (_, value) = T::WORDS
            .iter()
            .find(|(name, _)| name.as_bytes() == word)
            .ok_or(EINVAL)?;

        if self.value.populate(*value) {
            Ok(())
        } else {
            Err(EEXIST)
        }
    }
}

/// Sets a parameter, see `struct kernel_param_ops`.
///
/// # Safety
///
/// `val` must be null or a string, and `arg` of `param` a `WordParam<T>` that lives as long as the
/// module.
unsafe extern "C" fn set<T: Word>(
    val: *const c_char,
    param: *const bindings::kernel_param,
) -> c_int {
    if val.is_null() {
        return EINVAL.to_errno();
    }
    // SAFETY: By the safety requirements.
    let word = unsafe { CStr::from_char_ptr(val) };
    // SAFETY: By the safety requirements.
    let place = unsafe { &*(*param).__bindgen_anon_1.arg.cast::<WordParam<T>>() };

    from_result(|| place.set(word.to_bytes()).map(|()| 0))
}

/// The operations of a parameter whose `arg` is a [`WordParam`] of `T`.
pub(crate) const fn ops<T: Word>() -> bindings::kernel_param_ops {
    bindings::kernel_param_ops {
        flags: 0,
        set: Some(set::<T>),
        get: None,
        free: None,
    }
}

/// The bytes of `text`, of which there are `N`; for constants.
pub(crate) const fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let mut at = 0;

    while at < N && at < text.len() {
        bytes[at] = text.as_bytes()[at];
        at += 1;
    }
    bytes
}

/// Puts a line into what `modinfo` shows.
macro_rules! modinfo {
    ($module:literal, $($line:expr),+) => {
        const _: () = {
            const LINE: &str = if cfg!(MODULE) {
                concat!($($line,)+ "\0")
            } else {
                concat!($module, ".", $($line,)+ "\0")
            };

            #[link_section = ".modinfo"]
            #[used(compiler)]
            static INFO: [u8; LINE.len()] = $crate::abi::module_param::text(LINE);
        };
    };
}
pub(crate) use modinfo;

/// Makes parameters `NAME: TYPE { default, description }` of the module, each to be read as
/// `crate::module_words::NAME`. `TYPE` is a [`Word`].
macro_rules! module_words {
    {
        name: $module:literal,
        params: {
            $($name:ident: $type:ty {
                default: $default:expr,
                description: $description:literal $(,)?
            }),* $(,)?
        } $(,)?
    } => {
        mod module_words {
            $(
                #[allow(non_upper_case_globals)]
                pub(crate) static $name: $crate::abi::module_param::WordParam<$type> =
                    $crate::abi::module_param::WordParam::new($default);

                const _: () = {
                    static OPS: $crate::abi::bindings::kernel_param_ops =
                        $crate::abi::module_param::ops::<$type>();

                    #[link_section = "__param"]
                    #[used(compiler)]
                    static PARAM: $crate::abi::module_param::KernelParam =
                        $crate::abi::module_param::KernelParam::new(
                            $crate::abi::bindings::kernel_param {
                                name: if cfg!(MODULE) {
                                    concat!(stringify!($name), "\0")
                                } else {
                                    concat!($module, ".", stringify!($name), "\0")
                                }
                                .as_ptr()
                                .cast(),
                                // Only the address, for whoever reads the parameter.
                                #[cfg(MODULE)]
                                mod_: &raw mut $crate::abi::bindings::__this_module,
                                #[cfg(not(MODULE))]
                                mod_: core::ptr::null_mut(),
                                ops: core::ptr::from_ref(&OPS),
                                perm: 0,
                                level: -1,
                                flags: 0,
                                __bindgen_anon_1: $crate::abi::bindings::kernel_param__bindgen_ty_1 {
                                    arg: core::ptr::from_ref(&$name).cast_mut().cast(),
                                },
                            },
                        );
                };
                $crate::abi::module_param::modinfo!(
                    $module, "parmtype=", stringify!($name), ":charp"
                );
                $crate::abi::module_param::modinfo!(
                    $module, "parm=", stringify!($name), ":", $description
                );
            )*
        }
    };
}
pub(crate) use module_words;

#[kunit_tests(abi_module_param)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Colour {
        Red,
        Blue,
    }

    impl Word for Colour {
        const WORDS: &'static [(&'static str, Self)] = &[("red", Self::Red), ("blue", Self::Blue)];
    }

    #[test]
    fn nobody_has_set_it() {
        assert_eq!(WordParam::new(Colour::Red).value(), Colour::Red);
    }

    #[test]
    fn words_and_no_others() {
        let param = WordParam::new(Colour::Red);

        for word in ["", "re", "redd", "RED", "blue\n"] {
            assert_eq!(param.set(word.as_bytes()), Err(EINVAL));
        }
        assert_eq!(param.value(), Colour::Red);
        assert_eq!(param.set(b"blue"), Ok(()));
        assert_eq!(param.value(), Colour::Blue);
    }

    #[test]
    fn once() {
        let param = WordParam::new(Colour::Red);

        assert_eq!(param.set(b"blue"), Ok(()));
        assert_eq!(param.set(b"red"), Err(EEXIST));
        assert_eq!(param.value(), Colour::Blue);
    }
}
