# The install tree, find_package(lama), pkg-config, and packages: a tarball and a .deb.
include(CMakePackageConfigHelpers)

install(TARGETS lama EXPORT lama LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/lama/inpainter.h include/lama/inpainter.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lama)

set(LAMA_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/lama)
install(EXPORT lama NAMESPACE lama:: FILE lama-targets.cmake DESTINATION ${LAMA_CMAKE_DIR})
configure_package_config_file(cmake/lama-config.cmake.in lama-config.cmake INSTALL_DESTINATION ${LAMA_CMAKE_DIR})
write_basic_package_version_file(lama-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lama-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/lama-config-version.cmake
        DESTINATION ${LAMA_CMAKE_DIR})

file(RELATIVE_PATH LAMA_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/lama.pc.in lama.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lama.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES third_party/README.md third_party/nlohmann/LICENSE.MIT DESTINATION ${CMAKE_INSTALL_DOCDIR}/third_party)

# The package's own, which lies beside these sources in a checkout and among the metadata in a wheel.
set(LAMA_LICENSE ${PROJECT_SOURCE_DIR}/../LICENSE)
install(FILES ${LAMA_LICENSE} DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)

# Packages are of whoever's project this is a part of.
if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()
set(CPACK_GENERATOR TGZ DEB)
set(CPACK_PACKAGE_NAME liblama)
if(EXISTS ${LAMA_LICENSE})
  set(CPACK_RESOURCE_FILE_LICENSE ${LAMA_LICENSE})
endif()
set(CPACK_PACKAGE_VENDOR "lama-deploy")
set(CPACK_PACKAGE_CONTACT "lama-deploy <lama-deploy@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Fills the holes of pictures with LaMa, in programs of C, C++ and others")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_STRIP_FILES ON)
include(CPack)
