"""sigma"""
