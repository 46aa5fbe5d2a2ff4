# Fabric notebook source

# CELL ********************

print(1)
