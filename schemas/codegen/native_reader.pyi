from schemas.codegen.plan import CompileReader

compile_reader: CompileReader
