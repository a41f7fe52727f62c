// Has the headers that tests share compiled: CMake leaves it out for a target none of whose sources take them.
