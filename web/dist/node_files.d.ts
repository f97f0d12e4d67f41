/** path: or a file: URL. Throws LamaError "model". */
export declare function readModel(path: string): Promise<Uint8Array>;
