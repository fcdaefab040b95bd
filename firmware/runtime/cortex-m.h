/* What every Cortex-M has: vectors, reset, faults, SysTick as a cycle counter, the interrupt mask.
 * Each unexpected exception ends in the trap: motor off, reason kept, reset by the watchdog. */

#define REG(address) (*(volatile u32 *)(address))
#define SYST_CSR REG(0xe000e010)
#define SYST_RVR REG(0xe000e014)
#define SYST_CVR REG(0xe000e018)
#define NVIC_ISER REG(0xe000e100)
#define NVIC_ICER REG(0xe000e180)
#define NVIC_IPR(n) REG(0xe000e400 + 4 * (n))
#define SCB_VTOR REG(0xe000ed08)
#define SCB_CPACR REG(0xe000ed88)

static inline void interrupts_off(void) { __asm__ volatile("cpsid i" ::: "memory"); }
static inline void interrupts_on(void) { __asm__ volatile("cpsie i" ::: "memory"); }
static inline void wait_for_interrupt(void) { __asm__ volatile("wfi" ::: "memory"); }

/* Counts down from 2^24 - 1 with the core's clock. */
static inline void cycles_start(void) {
  SYST_RVR = 0xffffff;
  SYST_CVR = 0;
  SYST_CSR = 5;
}
static inline u32 cycles_now(void) { return SYST_CVR; }
/* At most 2^24 - 1 cycles may lie between both. */
static inline u32 cycles_between(u32 before, u32 after) { return (before - after) & 0xffffff; }
