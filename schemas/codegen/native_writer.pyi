from schemas.codegen.plan import CompileWriter

compile_writer: CompileWriter
