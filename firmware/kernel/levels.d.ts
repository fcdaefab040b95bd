// The build makes `./levels` of level.ts: one module for each watched level, with its constants.
/** One check of the first level; what it gives is said in level.ts. */
export declare function checkLevel1(on: bool): i32
export declare function checkLevel2(on: bool): i32
export declare function checkLevel3(on: bool): i32
export declare function checkLevel4(on: bool): i32
/** Until the first level's sensor was calibrated: its lower limit, or the full one. */
export declare function reduceLevel1(reduced: bool): void
export declare function reduceLevel2(reduced: bool): void
export declare function reduceLevel3(reduced: bool): void
export declare function reduceLevel4(reduced: bool): void
