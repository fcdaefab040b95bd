/* Second stage of the RP2040: the chip's ROM copies these 256 bytes to RAM and runs them. They set
 * up the flash interface for plain reads (command 03h, 31 MHz, what every SPI flash understands) and
 * start the image behind them. The build appends the checksum (datasheet 2.8.1.3.1). */
  .syntax unified
  .cpu cortex-m0plus
  .thumb
  .section .boot2, "ax"
  .thumb_func
  .global boot2
boot2:
  ldr r3, =0x18000000        /* SSI */
  movs r1, #0
  str r1, [r3, #0x08]        /* SSIENR: off while it is changed */
  movs r1, #4
  str r1, [r3, #0x14]        /* BAUDR: clk_sys / 4 */
  ldr r1, =0x001f0300        /* CTRLR0: 32-bit frames, read after command */
  str r1, [r3, #0x00]
  movs r1, #0
  str r1, [r3, #0x04]        /* CTRLR1: one frame at a time */
  ldr r1, =0x03000218        /* SPI_CTRLR0: command 03h, 24-bit address, all on one line */
  ldr r0, =0x180000f4
  str r1, [r0]
  movs r1, #1
  str r1, [r3, #0x08]
  ldr r0, =0x10000100        /* the image: vectors, stack, reset */
  ldr r1, =0xe000ed08
  str r0, [r1]
  ldmia r0, {r0, r1}
  msr msp, r0
  bx r1
  .align 2
  .ltorg
