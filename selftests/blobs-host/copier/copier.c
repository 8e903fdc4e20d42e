// SPDX-License-Identifier: GPL-2.0
/*
 * A device that takes any dma-buf and copies to it and from it where its table of segments says that the
 * memory is, as a device's DMA would: through the attachment, not through anybody's mapping. Write and read
 * on /dev/vgpu-copier, at an offset in the dma-buf that ioctl 0 has named.
 */
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/uaccess.h>

static struct platform_device *device;

struct copier {
	struct dma_buf *buf;
	struct dma_buf_attachment *attach;
	struct sg_table *table;
};

static void copier_drop(struct copier *c)
{
	if (c->table)
		dma_buf_unmap_attachment_unlocked(c->attach, c->table, DMA_BIDIRECTIONAL);
	if (c->attach)
		dma_buf_detach(c->buf, c->attach);
	if (c->buf)
		dma_buf_put(c->buf);
	memset(c, 0, sizeof(*c));
}

static int copier_take(struct copier *c, int fd)
{
	struct dma_buf *buf = dma_buf_get(fd);
	int ret;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	copier_drop(c);
	c->buf = buf;
	c->attach = dma_buf_attach(buf, &device->dev);
	if (IS_ERR(c->attach)) {
		ret = PTR_ERR(c->attach);
		c->attach = NULL;
		copier_drop(c);
		return ret;
	}
	c->table = dma_buf_map_attachment_unlocked(c->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(c->table)) {
		ret = PTR_ERR(c->table);
		c->table = NULL;
		copier_drop(c);
		return ret;
	}
	return 0;
}

/* Copies as far as the segment goes that is at `at`. */
static ssize_t copier_piece(struct copier *c, loff_t at, char __user *user, size_t len, bool to_user)
{
	struct scatterlist *sg;
	loff_t start = 0;
	unsigned int i;

	for_each_sgtable_dma_sg(c->table, sg, i) {
		size_t n = sg_dma_len(sg);
		phys_addr_t phys;
		struct page *page;
		unsigned long left;
		void *p;

		if (at >= start + n) {
			start += n;
			continue;
		}
		phys = dma_to_phys(&device->dev, sg_dma_address(sg)) + (at - start);
		page = pfn_to_page(PHYS_PFN(phys));
		n = min3(len, n - (size_t)(at - start), (size_t)(PAGE_SIZE - offset_in_page(phys)));
		p = kmap_local_page(page) + offset_in_page(phys);
		left = to_user ? copy_to_user(user, p, n) : copy_from_user(p, user, n);
		kunmap_local(p);
		return left ? -EFAULT : n;
	}
	return 0;
}

static ssize_t copier_copy(struct file *file, char __user *user, size_t len, loff_t *pos, bool to_user)
{
	struct copier *c = file->private_data;
	size_t done = 0;

	if (!c->table)
		return -EINVAL;
	while (done < len) {
		ssize_t n = copier_piece(c, *pos, user + done, len - done, to_user);

		if (n <= 0)
			return done ? done : n;
		done += n;
		*pos += n;
	}
	return done;
}

static ssize_t copier_read(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	return copier_copy(file, to, len, pos, true);
}

static ssize_t copier_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	return copier_copy(file, (char __user *)from, len, pos, false);
}

static long copier_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return copier_take(file->private_data, arg);
}

static int copier_open(struct inode *inode, struct file *file)
{
	file->private_data = kzalloc(sizeof(struct copier), GFP_KERNEL);
	return file->private_data ? 0 : -ENOMEM;
}

static int copier_close(struct inode *inode, struct file *file)
{
	copier_drop(file->private_data);
	kfree(file->private_data);
	return 0;
}

static const struct file_operations copier_fops = {
	.owner = THIS_MODULE,
	.open = copier_open,
	.release = copier_close,
	.read = copier_read,
	.write = copier_write,
	.llseek = default_llseek,
	.unlocked_ioctl = copier_ioctl,
	.compat_ioctl = copier_ioctl,
};

static struct miscdevice copier = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vgpu-copier",
	.fops = &copier_fops,
};

static int __init copier_init(void)
{
	int ret;

	device = platform_device_register_simple("vgpu-copier", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	ret = dma_coerce_mask_and_coherent(&device->dev, DMA_BIT_MASK(64));
	if (!ret)
		ret = misc_register(&copier);
	if (ret)
		platform_device_unregister(device);
	return ret;
}

static void __exit copier_exit(void)
{
	misc_deregister(&copier);
	platform_device_unregister(device);
}

module_init(copier_init);
module_exit(copier_exit);
MODULE_DESCRIPTION("Copies where a dma-buf's segments are, for tests");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
