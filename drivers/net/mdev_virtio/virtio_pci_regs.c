/* SPDX-License-Identifier: BSD-3-Clause */

/* All registers of virtio over PCI as words, for get_regs; see virtio_transport.h. */

#include <string.h>

#include <linux/vfio.h>
#include <linux/virtio_pci.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "virtio_pci_private.h"

struct reg {
	uint8_t offset;
	uint8_t width;
};

/* In the order of the layout. */
static const struct reg common_regs[] = {
	{ VIRTIO_PCI_COMMON_MSIX, 2 },
	{ VIRTIO_PCI_COMMON_NUMQ, 2 },
	{ VIRTIO_PCI_COMMON_STATUS, 1 },
	{ VIRTIO_PCI_COMMON_CFGGENERATION, 1 },
};

static const struct reg queue_regs[VIRTIO_REGS_QUEUE] = {
	{ VIRTIO_PCI_COMMON_Q_SIZE, 2 },
	{ VIRTIO_PCI_COMMON_Q_MSIX, 2 },
	{ VIRTIO_PCI_COMMON_Q_ENABLE, 2 },
	{ VIRTIO_PCI_COMMON_Q_NOFF, 2 },
	{ VIRTIO_PCI_COMMON_Q_DESCLO, 4 },
	{ VIRTIO_PCI_COMMON_Q_DESCHI, 4 },
	{ VIRTIO_PCI_COMMON_Q_AVAILLO, 4 },
	{ VIRTIO_PCI_COMMON_Q_AVAILHI, 4 },
	{ VIRTIO_PCI_COMMON_Q_USEDLO, 4 },
	{ VIRTIO_PCI_COMMON_Q_USEDHI, 4 },
};

static int
read_reg(const struct virtio_pci_struct *s, struct reg reg, uint32_t *word)
{
	rte_le32_t raw = 0;
	int ret;

	ret = vfio_region_read(s->region, s->offset + reg.offset, &raw, reg.width);
	*word = rte_le_to_cpu_32(raw);
	return ret;
}

static int
read_regs(const struct virtio_pci_struct *s, const struct reg *regs, uint32_t count,
		uint32_t *words)
{
	uint32_t i;
	int ret = 0;

	for (i = 0; ret == 0 && i < count; i++)
		ret = read_reg(s, regs[i], &words[i]);
	return ret;
}

static int
select_by(const struct virtio_pci_struct *s, uint32_t offset, uint32_t value,
		uint32_t width)
{
	rte_le32_t raw = rte_cpu_to_le_32(value);

	return vfio_region_write(s->region, s->offset + offset, &raw, width);
}

/* Two halves behind a register that selects one. */
static int
read_features(const struct virtio_pci_struct *common, uint32_t select,
		struct reg reg, uint32_t *words)
{
	uint32_t i;
	int ret = 0;

	for (i = 0; ret == 0 && i < 2; i++) {
		ret = select_by(common, select, i, sizeof(i));
		if (ret == 0)
			ret = read_reg(common, reg, &words[i]);
	}
	return ret;
}

/* s. 4.1.4.5: reading it is an acknowledgment, which INTx would miss. */
static int
read_isr(const struct virtio_pci_modern *pci, uint32_t *word)
{
	const struct reg isr = { 0, 1 };

	*word = UINT32_MAX;
	if (pci->irq_index != VFIO_PCI_MSIX_IRQ_INDEX)
		return 0;
	return read_reg(&pci->isr, isr, word);
}

static int
read_common(const struct virtio_pci_modern *pci, uint32_t *words)
{
	const struct reg device = { VIRTIO_PCI_COMMON_DF, 4 };
	const struct reg driver = { VIRTIO_PCI_COMMON_GF, 4 };
	int ret;

	RTE_BUILD_BUG_ON(VIRTIO_REGS_COMMON != 4 + RTE_DIM(common_regs) + 2);
	ret = read_features(&pci->common, VIRTIO_PCI_COMMON_DFSELECT, device,
			words);
	if (ret == 0)
		ret = read_features(&pci->common, VIRTIO_PCI_COMMON_GFSELECT,
				driver, words + 2);
	if (ret == 0)
		ret = read_regs(&pci->common, common_regs, RTE_DIM(common_regs),
				words + 4);
	if (ret == 0)
		ret = read_isr(pci, &words[4 + RTE_DIM(common_regs)]);
	words[VIRTIO_REGS_COMMON - 1] = pci->tr.config_len;
	return ret;
}

/* Bytes, whatever the fields' widths: s. 4.1.3.1 allows that for none but to look. */
static int
read_config(const struct virtio_pci_modern *pci, uint32_t *words)
{
	struct reg byte = { 0, 1 };
	uint32_t i, value;
	int ret = 0;

	memset(words, 0, VIRTIO_REGS_CONFIG * sizeof(words[0]));
	for (i = 0; ret == 0 && i < RTE_MIN(pci->tr.config_len,
			VIRTIO_REGS_CONFIG * (uint32_t)sizeof(words[0])); i++) {
		byte.offset = i;
		ret = read_reg(&pci->device, byte, &value);
		words[i / 4] |= value << 8 * (i % 4);
	}
	return ret;
}

int
virtio_pci_get_regs(struct virtio_transport *tr, uint32_t nr_vqs, uint32_t *words)
{
	const struct virtio_pci_modern *pci =
		container_of(tr, struct virtio_pci_modern, tr);
	uint32_t i;
	int ret;

	ret = read_common(pci, words);
	words += VIRTIO_REGS_COMMON;
	if (ret == 0)
		ret = read_config(pci, words);
	words += VIRTIO_REGS_CONFIG;
	for (i = 0; ret == 0 && i < nr_vqs; i++, words += VIRTIO_REGS_QUEUE) {
		ret = select_by(&pci->common, VIRTIO_PCI_COMMON_Q_SELECT, i,
				sizeof(uint16_t));
		if (ret == 0)
			ret = read_regs(&pci->common, queue_regs,
					VIRTIO_REGS_QUEUE, words);
	}
	return ret;
}
