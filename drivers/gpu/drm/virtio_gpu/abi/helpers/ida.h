/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ABI_HELPERS_IDA_H
#define ABI_HELPERS_IDA_H

#include <linux/idr.h>

void abi_helper_ida_init(struct ida *ida);

#endif
