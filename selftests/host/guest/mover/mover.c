// SPDX-License-Identifier: GPL-2.0
/*
 * Another device, as dma-bufs know one; in the guest nothing else does these things. /dev/vgpu-mover
 * has memory that can move, as that of a graphics card does under pressure: ioctl 0 gives its dma-buf,
 * a write asks it to move, which is EBUSY where an importer has pinned it. Ioctl 1 asks for the UUID of
 * any dma-buf, as a virtio device that takes it would.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/virtio_dma_buf.h>

#define ORDER 2

struct mover {
	struct page *pages;
	unsigned int pins, maps;
};

static int mover_pin(struct dma_buf_attachment *attach)
{
	struct mover *m = attach->dmabuf->priv;

	m->pins++;
	return 0;
}

static void mover_unpin(struct dma_buf_attachment *attach)
{
	struct mover *m = attach->dmabuf->priv;

	m->pins--;
}

static struct sg_table *mover_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
{
	struct mover *m = attach->dmabuf->priv;
	struct sg_table *table = kzalloc(sizeof(*table), GFP_KERNEL);
	int ret;

	if (!table)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table(table, 1, GFP_KERNEL);
	if (ret)
		goto no_table;
	sg_set_page(table->sgl, m->pages, PAGE_SIZE << ORDER, 0);
	ret = dma_map_sgtable(attach->dev, table, dir, 0);
	if (ret)
		goto no_mapping;
	m->maps++;
	return table;

no_mapping:
	sg_free_table(table);
no_table:
	kfree(table);
	return ERR_PTR(ret);
}

static void mover_unmap(struct dma_buf_attachment *attach, struct sg_table *table, enum dma_data_direction dir)
{
	struct mover *m = attach->dmabuf->priv;

	m->maps--;
	dma_unmap_sgtable(attach->dev, table, dir, 0);
	sg_free_table(table);
	kfree(table);
}

static void mover_free(struct mover *m)
{
	__free_pages(m->pages, ORDER);
	kfree(m);
}

static void mover_release(struct dma_buf *buf)
{
	mover_free(buf->priv);
}

static const struct dma_buf_ops mover_ops = {
	.pin = mover_pin,
	.unpin = mover_unpin,
	.map_dma_buf = mover_map,
	.unmap_dma_buf = mover_unmap,
	.release = mover_release,
};

static struct dma_buf *mover_new(void)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct mover *m = kzalloc(sizeof(*m), GFP_KERNEL);
	struct dma_buf *buf;

	if (!m)
		return ERR_PTR(-ENOMEM);
	m->pages = alloc_pages(GFP_KERNEL | __GFP_ZERO, ORDER);
	if (!m->pages) {
		kfree(m);
		return ERR_PTR(-ENOMEM);
	}
	info.ops = &mover_ops;
	info.size = PAGE_SIZE << ORDER;
	info.flags = O_RDWR;
	info.priv = m;
	buf = dma_buf_export(&info);
	if (IS_ERR(buf))
		mover_free(m);
	return buf;
}

static int mover_open(struct inode *inode, struct file *file)
{
	struct dma_buf *buf = mover_new();

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	file->private_data = buf;
	return 0;
}

static int mover_close(struct inode *inode, struct file *file)
{
	dma_buf_put(file->private_data);
	return 0;
}

struct mover_uuid {
	s32 fd;
	u8 bytes[16];
};

static long mover_uuid(struct mover_uuid __user *arg)
{
	struct mover_uuid u;
	struct dma_buf *buf;
	uuid_t uuid;
	int ret;

	if (copy_from_user(&u, arg, sizeof(u)))
		return -EFAULT;
	buf = dma_buf_get(u.fd);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = virtio_dma_buf_get_uuid(buf, &uuid);
	dma_buf_put(buf);
	if (ret)
		return ret;
	export_uuid(u.bytes, &uuid);
	return copy_to_user(arg, &u, sizeof(u)) ? -EFAULT : 0;
}

static long mover_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct dma_buf *buf = file->private_data;
	int fd;

	if (_IOC_NR(cmd))
		return mover_uuid((struct mover_uuid __user *)arg);
	get_dma_buf(buf);
	fd = dma_buf_fd(buf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(buf);
	return fd;
}

static ssize_t mover_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	struct dma_buf *buf = file->private_data;
	struct mover *m = buf->priv;
	ssize_t ret = len;

	dma_resv_lock(buf->resv, NULL);
	if (m->pins)
		ret = -EBUSY;
	else
		dma_buf_invalidate_mappings(buf);
	/* Whoever is told has to be gone: memory that moves is not there any more. */
	if (ret > 0 && m->maps)
		ret = -EIO;
	dma_resv_unlock(buf->resv);
	return ret;
}

static const struct file_operations mover_fops = {
	.owner = THIS_MODULE,
	.open = mover_open,
	.release = mover_close,
	.unlocked_ioctl = mover_ioctl,
	.write = mover_write,
};

static struct miscdevice mover = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vgpu-mover",
	.fops = &mover_fops,
};

module_misc_device(mover);
MODULE_DESCRIPTION("A dma-buf that moves, for tests");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
