// Heat in a heater and a block, and a sensor that follows: lumped capacities (F. Incropera,
// D. DeWitt, Fundamentals of Heat and Mass Transfer, ch. 5.1 to 5.3).
//   Ch dTh/dt = P - (Th - Tb) / Rhb
//   Cb dTb/dt = (Th - Tb) / Rhb - (Tb - Ta) / Rba - W      ts dTs/dt = Tb - Ts
// Temperatures in Cel, powers in W. No radiation, one resistance to the air.

export interface HeatConstants {
  heater_heat_capacity: number
  heater_to_block: number
  block_heat_capacity: number
  block_to_ambient: number
  sensor_time: number
  ambient_temperature: number
}

export interface Heat {
  heater: number
  block: number
  sensor: number
}

/** Advances by `dtS`, far shorter than any time constant. Mutates `heat`. */
export const stepHeat = (
  heat: Heat,
  c: HeatConstants,
  { dtS, powerW, workW }: { dtS: number; powerW: number; workW: number },
): void => {
  const across = (heat.heater - heat.block) / c.heater_to_block
  const away = (heat.block - c.ambient_temperature) / c.block_to_ambient
  heat.heater += ((powerW - across) / c.heater_heat_capacity) * dtS
  heat.sensor += ((heat.block - heat.sensor) / c.sensor_time) * dtS
  heat.block += ((across - away - workW) / c.block_heat_capacity) * dtS
}
