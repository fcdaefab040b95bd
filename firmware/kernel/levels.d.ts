// The build makes `./levels` of level.ts: one module for each watched level, with its constants.
/** One check of the first level; what it gives is said in level.ts. */
export declare function checkLevel1(on: bool): i32
export declare function checkLevel2(on: bool): i32
export declare function checkLevel3(on: bool): i32
export declare function checkLevel4(on: bool): i32
