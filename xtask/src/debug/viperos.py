"""GDB commands that know the kernel: processes, threads, handles, pages.

They read the kernel's own structures by the names in its debug information, and page
tables through QEMU's monitor, so the machine only has to be stopped. A structure that is
being changed at that moment is read as it stands.
"""

import gdb

PAGE_BITS = 12
TABLE_BITS = 9
LEVELS = 4
ADDRESS_MASK = 0x0000_FFFF_FFFF_F000
DESCRIPTOR_FLAGS = (
    (1 << 0, "valid"),
    (1 << 6, "user"),
    (1 << 7, "read-only"),
    (1 << 10, "accessed"),
    (1 << 11, "of one space"),
    (1 << 53, "no kernel code"),
    (1 << 54, "no user code"),
)
FIRST_CHUNK = 64


def static(name):
    """A static variable of the kernel."""
    return gdb.parse_and_eval(name)


def number(value):
    """The number inside atomics, cells and other wrappers of one field."""
    while value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        value = value[value.type.fields()[0]]
    return int(value)


def inside(lock):
    """What a lock guards."""
    return lock["value"]["value"]


def behind(reference):
    """The value of a Ref, or None for an Option without one."""
    pointer = find_pointer(reference)
    return None if int(pointer) == 0 else pointer.dereference()


def find_pointer(value):
    """The first pointer inside a value."""
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_PTR:
        return value
    for field in kind.fields():
        found = find_pointer(value[field])
        if found is not None:
            return found
    return None


def items(vector):
    """The elements of a Vec."""
    element = vector.type.template_argument(0)
    first = vector["buf"]["inner"]["ptr"]["pointer"]["pointer"].cast(element.pointer())
    for index in range(int(vector["len"])):
        yield (first + index).dereference()


def text(array):
    """A name of fixed length, filled up with zeros."""
    low, high = array.type.range()
    raw = bytes(int(array[index]) for index in range(low, high + 1))
    return raw.rstrip(b"\0").decode("utf-8", "replace")


def processes():
    """Number and value of each process that runs."""
    for reference in items(inside(static("kernel::process::registry::PROCESSES"))):
        process = behind(reference)
        yield number(process["base"]["id"]), process


def process_of(argument):
    """The process with the number in `argument`."""
    wanted = int(gdb.parse_and_eval(argument))
    for found, process in processes():
        if found == wanted:
            return process
    raise gdb.GdbError(f"there is no process {wanted}; `processes` lists them")


def threads_of(process):
    for reference in items(inside(process["threads"])["list"]):
        yield behind(behind(reference)["thread"])


def symbol(address):
    """Where an address is, by name."""
    found = gdb.execute(f"info symbol {address:#x}", to_string=True).strip()
    return found if not found.startswith("No symbol") else f"{address:#x}"


def state_of(thread):
    context = thread["context"]
    if number(context["on_cpu"]):
        return f"runs on CPU {number(thread['home'])}"
    if number(thread["held"]["place"]) == 0:
        return f"ready, CPU {number(thread['home'])}"
    if number(context["kernel_sp"]):
        return "parked in the kernel"
    return "waits in a system call"


def kernel_frames(thread, most=6):
    """Return addresses on the kernel stack of a thread that is parked."""
    memory = gdb.selected_inferior()
    word = lambda address: int.from_bytes(memory.read_memory(address, 8).tobytes(), "little")
    sp = number(thread["context"]["kernel_sp"])
    # context_switch stores x29 and x30 last, 80 bytes above the stack pointer.
    frame, address = word(sp + 80), word(sp + 88)
    for _ in range(most):
        yield address
        if frame == 0:
            return
        frame, address = word(frame), word(frame + 8)
        if address == 0:
            return


class Processes(gdb.Command):
    """Lists the processes: number, name, threads."""

    def __init__(self):
        super().__init__("processes", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for found, process in processes():
            count = sum(1 for _ in threads_of(process))
            print(f"process {found:>6}  {text(process['name']):<24} threads {count}")


class Threads(gdb.Command):
    """Lists the threads of all programs: what each does, and where.

    threads [PROCESS]"""

    def __init__(self):
        super().__init__("threads", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        wanted = int(gdb.parse_and_eval(argument)) if argument else None
        for found, process in processes():
            if wanted not in (None, found):
                continue
            for thread in threads_of(process):
                frame = thread["context"]["frame"]
                pc, sp = number(frame["pc"]), number(frame["sp"])
                print(
                    f"thread {int(thread['id']):>6}  {text(process['name'])} ({found})  "
                    f"{state_of(thread)}  program pc {pc:#x} sp {sp:#x}"
                )
                if number(thread["context"]["kernel_sp"]):
                    for address in kernel_frames(thread):
                        print(f"        {symbol(address)}")


class Handles(gdb.Command):
    """Lists the handles of a process: number, kind, rights, object.

    handles PROCESS"""

    def __init__(self):
        super().__init__("handles", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        if not argument:
            raise gdb.GdbError("handles PROCESS: which process?")
        table = behind(process_of(argument)["handles"])
        kinds = {
            field.enumval: field.name.split("::")[-1]
            for field in gdb.lookup_type("abi::handle::ObjectKind").fields()
        }
        salt, chunks = int(table["salt"]), table["index"]["chunks"]
        low, high = chunks.type.range()
        first = 0
        for chunk in range(low, high + 1):
            places, length = find_pointer(chunks[chunk]), FIRST_CHUNK << chunk
            if int(places) != 0:
                self.show(places, first, length, salt, kinds)
            first += length

    def show(self, places, first, length, salt, kinds):
        for within in range(length):
            place = (places + within).dereference()
            stamp = number(place["stamp"])
            if stamp == 0:
                continue
            handle = ((stamp >> 32 << 32) | (first + within)) ^ salt
            kind = kinds.get(stamp >> 24 & 0xFF, f"kind {stamp >> 24 & 0xFF}")
            print(
                f"handle {handle:#018x}  {kind:<12} rights {stamp & 0xFFFFFF:#06x}  "
                f"object {number(place['value']):#x}"
            )


def physical_word(address):
    """A word of physical memory, from QEMU."""
    answer = gdb.execute(f"monitor xp /1gx {address:#x}", to_string=True)
    return int(answer.split(":")[1], 16)


class Pages(gdb.Command):
    """Walks the page tables to an address, the kernel's or a process's.

    pages ADDRESS [PROCESS]"""

    def __init__(self):
        super().__init__("pages", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        arguments = gdb.string_to_argv(argument)
        if not arguments:
            raise gdb.GdbError("pages ADDRESS [PROCESS]: which address?")
        address = int(gdb.parse_and_eval(arguments[0])) & 0xFFFF_FFFF_FFFF_FFFF
        if address >> 63:
            table = int(gdb.parse_and_eval("$TTBR1_EL1"))
        elif len(arguments) > 1:
            space = behind(process_of(arguments[1])["space"])
            table = int(behind(space["translation"])["root"])
        else:
            table = int(gdb.parse_and_eval("$TTBR0_EL1"))
        table &= ADDRESS_MASK
        for level in range(LEVELS):
            shift = PAGE_BITS + TABLE_BITS * (LEVELS - 1 - level)
            index = address >> shift & ((1 << TABLE_BITS) - 1)
            entry = physical_word(table + index * 8)
            flags = [name for bit, name in DESCRIPTOR_FLAGS if entry & bit]
            is_table = entry & 3 == 3 and level < LEVELS - 1
            what = "table" if is_table else ", ".join(flags) or "not mapped"
            print(f"level {level}  table {table:#x} entry {index:>3}: {entry:#018x}  {what}")
            if not entry & 1:
                return
            if not is_table:
                low = (1 << shift) - 1
                physical = (entry & ADDRESS_MASK & ~low) | (address & low)
                print(f"address {address:#x} is at physical {physical:#x}")
                return
            table = entry & ADDRESS_MASK


class Shell(gdb.Function):
    """The number of the process Shell: $shell()"""

    def __init__(self):
        super().__init__("shell")

    def invoke(self):
        for found, process in processes():
            if text(process["name"]) == "Shell":
                return found
        raise gdb.GdbError("there is no process Shell")


Shell()
Processes()
Threads()
Handles()
Pages()
